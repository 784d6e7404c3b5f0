"""Threads and helper processes that read what the screens show, and post it."""
