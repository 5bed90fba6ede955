"""Models by file."""
