"""Storage: runs, their queue and their artifacts, in SQLite or PostgreSQL."""
