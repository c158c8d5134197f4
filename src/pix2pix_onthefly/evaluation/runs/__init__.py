"""A set edited in one or many configurations, with results on disk."""
