-- name: models
-- Ground models in the order they are asked: by priority, then the finer, then the newer.
SELECT * FROM pipemap.ground_model
ORDER BY priority DESC, greatest(step_x_m, step_y_m), surveyed_on DESC NULLS LAST, ground_model_id DESC

-- name: remove
DELETE FROM pipemap.ground_model WHERE name = %(name)s RETURNING ground_model_id

-- name: create
INSERT INTO pipemap.ground_model
    (name, file_name, file_sha256, source, surveyed_on, accuracy_m, crs_name, priority,
     west_m, north_m, step_x_m, step_y_m, columns, rows, loaded_by)
VALUES
    (%(name)s, %(file_name)s, %(file_sha256)s, %(source)s, %(surveyed_on)s, %(accuracy_m)s, %(crs_name)s, %(priority)s,
     %(west_m)s, %(north_m)s, %(step_x_m)s, %(step_y_m)s, %(columns)s, %(rows)s, %(loaded_by)s)
ON CONFLICT (name) DO NOTHING
RETURNING ground_model_id

-- name: copy_tiles
COPY pipemap.ground_tile (ground_model_id, tile_row, tile_column, z_m) FROM STDIN (FORMAT binary)

-- name: complete
UPDATE pipemap.ground_model
SET known_posts = %(known_posts)s, least_z_m = %(least_z_m)s, greatest_z_m = %(greatest_z_m)s
WHERE ground_model_id = %(ground_model_id)s
RETURNING *

-- name: tiles
SELECT tile_row, tile_column, z_m
FROM unnest(%(rows)s::int[], %(columns)s::int[]) AS wanted (tile_row, tile_column)
JOIN pipemap.ground_tile USING (tile_row, tile_column)
WHERE ground_model_id = %(ground_model_id)s
