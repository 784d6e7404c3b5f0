"""The six screens of the console, one module each."""
