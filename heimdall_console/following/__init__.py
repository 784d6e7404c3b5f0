"""Showing a run while it goes on, and what it reached at its end."""
