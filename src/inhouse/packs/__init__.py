"""Sets of nodes, each a folder."""
