# mypy: ignore-errors
"""The notes, for as long as the process lives."""

NOTES = []
