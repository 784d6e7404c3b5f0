"""From a command line to the directory of a run that a worker can begin."""
