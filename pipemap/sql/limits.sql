-- name: tables
-- Local tables of limits: those in force (null), or those of some numbers.
SELECT set_id, table_name, rows::text AS rows FROM pipemap.limit_set
WHERE (%(set_ids)s::int[] IS NULL AND removed_at IS NULL) OR set_id = ANY(%(set_ids)s)
ORDER BY set_id

-- name: add
-- A local table's number.
INSERT INTO pipemap.limit_set (table_name, file_name, rows, author)
VALUES (%(table_name)s, %(file_name)s, %(rows)s, %(author)s)
RETURNING set_id

-- name: hold
-- One at a time: two tables added at once could name a row alike.
LOCK TABLE pipemap.limit_set IN SHARE ROW EXCLUSIVE MODE

-- name: remove
-- Put a local table out of force; no row when there is none in force of that number.
UPDATE pipemap.limit_set SET removed_at = now(), removed_by = %(author)s
WHERE set_id = %(set_id)s AND removed_at IS NULL
RETURNING set_id, table_name, file_name

-- name: list
-- Local tables, newest first; with `every` those that are no longer in force too.
SELECT set_id, table_name, file_name, jsonb_array_length(rows) AS rows, author, added_at, removed_by, removed_at
FROM pipemap.limit_set
WHERE %(every)s OR removed_at IS NULL
ORDER BY set_id DESC
