"""What the console and the training core agree on: plain data, files and errors."""
