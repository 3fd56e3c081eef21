"""The command line: the composition root, and what people read."""
