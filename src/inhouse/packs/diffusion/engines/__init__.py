"""Engines: denoising networks compiled by another runtime, behind the same call."""
