"""Routes: one module a noun, each a function that returns a router."""
