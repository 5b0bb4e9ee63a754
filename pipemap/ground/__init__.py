"""Ground models: the height of the surface on grids that a city loads, and what it is at any place."""
