"""Where things are: coordinate systems, axis order, a city's own grid, the ground."""
