"""Families of diffusion models, one a module; the first that matches a file is its family."""
