"""The kernel: it runs a graph of nodes, and knows no tensor, no file format, no HTTP and no setting."""
