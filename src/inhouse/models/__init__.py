"""Model files: reading them safely, finding them by name, telling what is in them."""
