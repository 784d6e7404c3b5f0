"""Whether this machine, this terminal and these servers are fit for training and watching."""
