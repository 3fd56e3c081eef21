"""The neural networks themselves, in plain torch; their parameters are named as in the original checkpoints."""
