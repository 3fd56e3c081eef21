"""Samplers: solvers of the reverse diffusion process."""
