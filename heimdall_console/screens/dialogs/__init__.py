"""Small typed questions that lie over a screen."""
