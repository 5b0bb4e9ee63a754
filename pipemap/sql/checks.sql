-- name: create_cells
CREATE TEMPORARY TABLE check_cell (geom geometry) ON COMMIT DROP

-- name: fill_cells
-- The cells of a grid that the surroundings of touched features meet; features of one block of cells count once.
INSERT INTO check_cell
SELECT ST_MakeEnvelope(i * %(cell_m)s, j * %(cell_m)s, (i + 1) * %(cell_m)s, (j + 1) * %(cell_m)s, %(srid)s::int)
FROM (
    SELECT DISTINCT i, j
    FROM (
        SELECT DISTINCT
            floor((ST_XMin(geom) - %(margin_m)s) / %(cell_m)s)::int AS west,
            floor((ST_YMin(geom) - %(margin_m)s) / %(cell_m)s)::int AS south,
            floor((ST_XMax(geom) + %(margin_m)s) / %(cell_m)s)::int AS east,
            floor((ST_YMax(geom) + %(margin_m)s) / %(cell_m)s)::int AS north
        FROM (
            SELECT geom FROM pipemap.node_delta WHERE changeset_id = %(changeset_id)s
            UNION ALL
            SELECT geom FROM pipemap.pipe_segment_delta WHERE changeset_id = %(changeset_id)s
            UNION ALL
            SELECT geom FROM pipemap.structure_delta WHERE changeset_id = %(changeset_id)s
            UNION ALL
            SELECT old.geom FROM pipemap.node old JOIN pipemap.node_delta new USING (feature_id)
            WHERE new.changeset_id = %(changeset_id)s
            UNION ALL
            SELECT old.geom FROM pipemap.pipe_segment old JOIN pipemap.pipe_segment_delta new USING (feature_id)
            WHERE new.changeset_id = %(changeset_id)s
        ) AS touched
    ) AS block
    CROSS JOIN LATERAL generate_series(west, east) AS i
    CROSS JOIN LATERAL generate_series(south, north) AS j
) AS cell

-- name: create_near
CREATE TEMPORARY TABLE check_near (feature_id bigint) ON COMMIT DROP

-- name: fill_near
INSERT INTO check_near
SELECT feature_id FROM pipemap.node_delta WHERE changeset_id = %(changeset_id)s
UNION
SELECT feature_id FROM pipemap.pipe_segment_delta WHERE changeset_id = %(changeset_id)s
UNION
SELECT feature_id FROM pipemap.consumer_delta WHERE changeset_id = %(changeset_id)s
UNION
SELECT feature_id FROM pipemap.structure_delta WHERE changeset_id = %(changeset_id)s
UNION
SELECT near.feature_id FROM check_cell cell JOIN pipemap.node near ON near.geom && cell.geom
UNION
SELECT near.feature_id FROM check_cell cell JOIN pipemap.pipe_segment near ON near.geom && cell.geom
UNION
SELECT near.feature_id FROM check_cell cell JOIN pipemap.structure near ON near.geom && cell.geom

-- name: fill_near_nodes
INSERT INTO check_near
SELECT DISTINCT ends.node_id
FROM pipemap_app.pipe_segment_in_changeset(%(changeset_id)s) AS segment
JOIN check_near USING (feature_id)
CROSS JOIN LATERAL (VALUES (segment.from_node_id), (segment.to_node_id)) AS ends (node_id)
WHERE NOT EXISTS (SELECT FROM check_near near WHERE near.feature_id = ends.node_id)

-- name: features
SELECT {columns}, file.name AS file, f.valid_from_version IS NULL AS changed
FROM {effective}(%(changeset_id)s) AS f
JOIN check_near USING (feature_id)
LEFT JOIN pipemap.source_file AS file USING (source_file_id)
ORDER BY f.feature_id

-- name: farther_links
-- The pipes of the networks that are not among the features loaded.
SELECT feature_id, from_node_id, to_node_id, class_code, lifecycle_code
FROM pipemap_app.pipe_segment_in_changeset(%(changeset_id)s) AS link
WHERE class_code = ANY(%(classes)s)
  AND NOT EXISTS (SELECT FROM check_near near WHERE near.feature_id = link.feature_id)
ORDER BY feature_id

-- name: stations
SELECT feature_id, class_code, appurtenance_code
FROM pipemap_app.node_in_changeset(%(changeset_id)s)
WHERE appurtenance_code IS NOT NULL AND class_code = ANY(%(classes)s)
ORDER BY feature_id

-- name: disturbed
SELECT DISTINCT ends.node_id
FROM (
    SELECT old.from_node_id, old.to_node_id
    FROM pipemap.pipe_segment old JOIN pipemap.pipe_segment_delta new USING (feature_id)
    WHERE new.changeset_id = %(changeset_id)s
) AS touched
CROSS JOIN LATERAL (VALUES (touched.from_node_id), (touched.to_node_id)) AS ends (node_id)

-- name: changeset_for_checking
SELECT state FROM pipemap.changeset WHERE changeset_id = %(changeset_id)s

-- name: mark_checked
UPDATE pipemap.changeset
SET state = CASE state WHEN 'draft' THEN 'checked' ELSE state END, checked_at = now()
WHERE changeset_id = %(changeset_id)s AND state NOT IN ('published', 'rejected')
RETURNING state
