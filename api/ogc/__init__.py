"""OGC API: the map through the interfaces that other agencies' programs already speak."""
