"""The diffusion nodes: thin, and quick to import; the work is done by the library around them."""
