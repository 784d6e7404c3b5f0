"""Every action of the console, named once for keys, palette, help and command line."""
