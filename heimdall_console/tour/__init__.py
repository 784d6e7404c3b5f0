"""A tour on recorded trainings: every screen can be tried without data and without a GPU."""
