"""What lies too near: exact distances between pipes, judged by the standards' tables.

Asked: `questions` about one segment or one body, `drawn` about a line that somebody draws, `stored` about a changeset
or a whole version, which `running` judges by `tiles` of a `city`. Judged: `core` many pairs at once from arrays,
found by `candidates`, in compiled code (`judging`, `measuring`, `bodies`, `geometry3d`), by the limits of `rules`.
Told: `answer` and `words`, with `giving_way` and `moves`; `site` brings pipes from the map.
"""
