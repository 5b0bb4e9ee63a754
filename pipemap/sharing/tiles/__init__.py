"""The map in tiles: `grids` cut it, `vector` and `solid` make a tile, `serving` hands out what a key may see."""
