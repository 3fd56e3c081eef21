"""The pack's nodes, a module a step; each is thin, the passes themselves are plain functions."""
