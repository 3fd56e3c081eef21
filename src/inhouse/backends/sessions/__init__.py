"""Sessions: a model file loaded by a runtime, ready to be asked; one port for all of them."""
