"""ComfyUI at the border: its workflow files, its description of nodes, and the node classes of its custom packs."""
