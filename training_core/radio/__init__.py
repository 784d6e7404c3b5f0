"""Physics and geometry of radio localization: numpy, scipy and pyproj, no torch."""
