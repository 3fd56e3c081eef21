"""Worked examples: each converts a real model, serves it in a replica, and shows what it answers."""
