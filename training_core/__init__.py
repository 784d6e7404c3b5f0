"""The training core: everything that trains, exports and publishes, without a terminal."""
