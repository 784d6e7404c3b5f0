"""The worker process: one job in, records out."""
