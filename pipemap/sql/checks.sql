-- name: create_cells
CREATE TEMPORARY TABLE check_cell (i integer, j integer, geom geometry) ON COMMIT DROP

-- name: fill_cells
INSERT INTO check_cell
SELECT DISTINCT ON (cell.i, cell.j) cell.i, cell.j, cell.geom
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
CROSS JOIN LATERAL ST_SquareGrid(%(cell_m)s, ST_Expand(touched.geom, %(margin_m)s)) AS cell

-- name: create_near
CREATE TEMPORARY TABLE check_near (feature_id bigint PRIMARY KEY) ON COMMIT DROP

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
SELECT ends.node_id
FROM pipemap_app.pipe_segment_in_changeset(%(changeset_id)s) AS segment
JOIN check_near USING (feature_id)
CROSS JOIN LATERAL (VALUES (segment.from_node_id), (segment.to_node_id)) AS ends (node_id)
ON CONFLICT DO NOTHING

-- name: features
SELECT {columns}, file.name AS file, f.valid_from_version IS NULL AS changed
FROM {effective}(%(changeset_id)s) AS f
JOIN check_near USING (feature_id)
LEFT JOIN pipemap.source_file AS file USING (source_file_id)
ORDER BY f.feature_id

-- name: links
SELECT feature_id, from_node_id, to_node_id, class_code, lifecycle_code
FROM pipemap_app.pipe_segment_in_changeset(%(changeset_id)s)
WHERE class_code = ANY(%(classes)s)
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
