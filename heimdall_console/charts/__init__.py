"""Numbers to braille or ASCII cells, without any terminal library."""
