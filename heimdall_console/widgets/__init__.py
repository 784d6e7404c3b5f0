"""What screens are made of; a widget draws and says, a screen decides."""
