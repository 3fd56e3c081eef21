"""Replicas: processes that each hold a published model and answer batches of calls."""
