"""Run as a program: load a ground model and stop half way, until somebody ends it."""

import sys
import time
from pathlib import Path

from importers.ground import Asked, read_ground
from pipemap.db import Database
from pipemap.ground.storing import Origin, store_model

if __name__ == "__main__":
    with Database(sys.argv[1]) as database, read_ground(Path(sys.argv[2]), Asked(4547)) as (surface, parts):
        loaded = 0

        def stop_half_way(posts: int) -> None:
            global loaded
            loaded += posts
            if loaded > surface.grid.columns * surface.grid.rows / 2:
                sys.stdout.write("half way\n")
                sys.stdout.flush()
                time.sleep(60)

        store_model(
            database, Origin("big", "big.tif", "0" * 64, "", "tester"), surface.grid, parts, on_posts=stop_half_way
        )
