"""What lies too near: exact distances between pipes, judged by the standards' tables.

`questions` asks about one segment or one body, `core` judges many pairs at once from arrays (`geometry3d`
measures), `rules` finds the limit that applies, `site` brings pipes from the map, `answer` and `words` tell.
"""
