-- name: hold_changeset
SELECT state, xmin::text AS left_by FROM pipemap.changeset WHERE changeset_id = %(changeset_id)s FOR UPDATE

-- name: mark_checked
UPDATE pipemap.changeset
SET state = CASE state WHEN 'draft' THEN 'checked' ELSE state END, checked_at = now()
WHERE changeset_id = %(changeset_id)s

-- name: files
SELECT source_file_id, name, importer, columns FROM pipemap.source_file ORDER BY source_file_id

-- name: proposed
-- The states a changeset proposes.
SELECT {columns} FROM {delta} AS f WHERE changeset_id = %(changeset_id)s AND op <> 'delete'

-- name: left_boxes
-- Where something was that the changeset takes away or moves.
SELECT ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)
FROM {delta} WHERE changeset_id = %(changeset_id)s AND op = 'delete'
UNION ALL
SELECT ST_XMin(old.geom), ST_YMin(old.geom), ST_XMax(old.geom), ST_YMax(old.geom)
FROM {delta} AS new JOIN {current} AS old USING (feature_id)
WHERE new.changeset_id = %(changeset_id)s AND new.op = 'update' AND NOT old.geom = new.geom

-- name: is_on_the_map
SELECT EXISTS (SELECT FROM {current}) AS is_there

-- name: create_cells
CREATE TEMPORARY TABLE check_cell
    (west double precision, south double precision, east double precision, north double precision) ON COMMIT DROP

-- name: copy_cells
COPY check_cell FROM STDIN

-- name: create_near
CREATE TEMPORARY TABLE check_near (kind text, feature_id bigint) ON COMMIT DROP

-- name: fill_near
-- Features of one kind in the cells that the changeset leaves as they are.
INSERT INTO check_near
SELECT DISTINCT {kind}, near.feature_id
FROM check_cell AS cell
JOIN {current} AS near ON near.geom && ST_MakeEnvelope(cell.west, cell.south, cell.east, cell.north, %(srid)s::int)
WHERE NOT EXISTS (
    SELECT FROM {delta} AS delta
    WHERE delta.changeset_id = %(changeset_id)s AND delta.feature_id = near.feature_id)

-- name: fill_near_nodes
-- Nodes that the changeset's lines and consumers, and the lines near by, refer to.
INSERT INTO check_near
SELECT DISTINCT 'node', node.feature_id
FROM (
    SELECT from_node_id AS node_id FROM pipemap.pipe_segment_delta WHERE changeset_id = %(changeset_id)s
    UNION
    SELECT to_node_id FROM pipemap.pipe_segment_delta WHERE changeset_id = %(changeset_id)s
    UNION
    SELECT node_id FROM pipemap.consumer_delta WHERE changeset_id = %(changeset_id)s
    UNION
    SELECT unnest(ARRAY[from_node_id, to_node_id])
    FROM pipemap.pipe_segment JOIN check_near USING (feature_id) WHERE check_near.kind = 'pipe_segment'
) AS referred
JOIN pipemap.node ON node.feature_id = referred.node_id
WHERE NOT EXISTS (
    SELECT FROM pipemap.node_delta AS delta
    WHERE delta.changeset_id = %(changeset_id)s AND delta.feature_id = node.feature_id)
  AND NOT EXISTS (SELECT FROM check_near AS near WHERE near.kind = 'node' AND near.feature_id = node.feature_id)

-- name: near
SELECT {columns} FROM check_near JOIN {current} AS f USING (feature_id) WHERE check_near.kind = {kind}

-- name: left_links
-- Lines as they were before the changeset took them away or changed them.
SELECT old.from_node_id, old.to_node_id
FROM pipemap.pipe_segment_delta AS new JOIN pipemap.pipe_segment AS old USING (feature_id)
WHERE new.changeset_id = %(changeset_id)s

-- name: count_links
SELECT count(*) AS count FROM (SELECT FROM pipemap.pipe_segment LIMIT %(most)s) AS counted

-- name: create_reached
-- The nodes the changeset touches, and node by node what is joined to them in the map, until there are enough.
CREATE TEMPORARY TABLE check_reached ON COMMIT DROP AS
WITH RECURSIVE reached (node_id) AS (
    (
        SELECT feature_id FROM pipemap.node_delta WHERE changeset_id = %(changeset_id)s
        UNION
        SELECT unnest(ARRAY[from_node_id, to_node_id])
        FROM pipemap.pipe_segment_delta WHERE changeset_id = %(changeset_id)s
        UNION
        SELECT unnest(ARRAY[old.from_node_id, old.to_node_id])
        FROM pipemap.pipe_segment_delta AS new JOIN pipemap.pipe_segment AS old USING (feature_id)
        WHERE new.changeset_id = %(changeset_id)s
    )
    UNION
    SELECT next.node_id
    FROM reached
    CROSS JOIN LATERAL (
        SELECT link.feature_id, link.to_node_id AS node_id
        FROM pipemap.pipe_segment AS link WHERE link.from_node_id = reached.node_id
        UNION ALL
        SELECT link.feature_id, link.from_node_id
        FROM pipemap.pipe_segment AS link WHERE link.to_node_id = reached.node_id
    ) AS next
    WHERE NOT EXISTS (
        SELECT FROM pipemap.pipe_segment_delta AS delta
        WHERE delta.changeset_id = %(changeset_id)s AND delta.feature_id = next.feature_id)
)
SELECT node_id FROM reached LIMIT %(most)s::bigint

-- name: reached
SELECT node_id FROM check_reached

-- name: reached_links
-- The pipes at the nodes reached that are not among the features loaded.
SELECT from_node_id, to_node_id, class_code, lifecycle_code
FROM (
    SELECT feature_id, from_node_id, to_node_id, class_code, lifecycle_code
    FROM check_reached JOIN pipemap.pipe_segment ON from_node_id = node_id
    UNION
    SELECT feature_id, from_node_id, to_node_id, class_code, lifecycle_code
    FROM check_reached JOIN pipemap.pipe_segment ON to_node_id = node_id
) AS link
WHERE class_code = ANY(%(classes)s)
  AND NOT EXISTS (
    SELECT FROM check_near AS near WHERE near.kind = 'pipe_segment' AND near.feature_id = link.feature_id)
  AND NOT EXISTS (
    SELECT FROM pipemap.pipe_segment_delta AS delta
    WHERE delta.changeset_id = %(changeset_id)s AND delta.feature_id = link.feature_id)

-- name: reached_stations
-- Nodes with an appurtenance among those reached that are not among the features loaded.
SELECT feature_id, appurtenance_code
FROM check_reached JOIN pipemap.node AS node ON node.feature_id = node_id
WHERE appurtenance_code IS NOT NULL
  AND NOT EXISTS (SELECT FROM check_near AS near WHERE near.kind = 'node' AND near.feature_id = node.feature_id)
  AND NOT EXISTS (
    SELECT FROM pipemap.node_delta AS delta
    WHERE delta.changeset_id = %(changeset_id)s AND delta.feature_id = node.feature_id)

-- name: station_exists
SELECT EXISTS (
    SELECT FROM pipemap.node WHERE appurtenance_code = ANY(%(codes)s) AND class_code = ANY(%(classes)s)
) AS is_there

-- name: farther_links
-- The pipes of the networks that are not among the features loaded.
SELECT from_node_id, to_node_id, class_code, lifecycle_code
FROM pipemap.pipe_segment AS link
WHERE class_code = ANY(%(classes)s)
  AND NOT EXISTS (
    SELECT FROM check_near AS near WHERE near.kind = 'pipe_segment' AND near.feature_id = link.feature_id)
  AND NOT EXISTS (
    SELECT FROM pipemap.pipe_segment_delta AS delta
    WHERE delta.changeset_id = %(changeset_id)s AND delta.feature_id = link.feature_id)

-- name: farther_stations
-- Nodes with an appurtenance that are not among the features loaded.
SELECT feature_id, appurtenance_code
FROM pipemap.node AS node
WHERE appurtenance_code IS NOT NULL AND class_code = ANY(%(classes)s)
  AND NOT EXISTS (SELECT FROM check_near AS near WHERE near.kind = 'node' AND near.feature_id = node.feature_id)
  AND NOT EXISTS (
    SELECT FROM pipemap.node_delta AS delta
    WHERE delta.changeset_id = %(changeset_id)s AND delta.feature_id = node.feature_id)

-- name: surveyed_points
-- Points of a dataset by number, with the deepest line at each and whether anything of them is to be seen.
SELECT node.source_key AS key, ST_X(node.geom) AS x_m, ST_Y(node.geom) AS y_m, node.ground_elevation_m,
       (SELECT max(CASE WHEN line.from_node_id = node.feature_id THEN line.from_depth_m ELSE line.to_depth_m END)
        FROM {segments} AS line WHERE node.feature_id IN (line.from_node_id, line.to_node_id)) AS depth_m,
       node.appurtenance_code IS NOT NULL AS is_visible
FROM {nodes} AS node JOIN pipemap.dataset USING (dataset_id)
WHERE dataset.name = %(dataset)s AND node.source_key = ANY(%(keys)s)

-- name: surveyed_ends
-- Both ends of the lines of a dataset at some points, by the numbers of the points.
SELECT here.source_key AS at, there.source_key AS far, ends.depth_m, here.appurtenance_code IS NOT NULL AS is_visible
FROM {segments} AS line
JOIN pipemap.dataset USING (dataset_id)
CROSS JOIN LATERAL (
    VALUES (line.from_node_id, line.to_node_id, line.from_depth_m), (line.to_node_id, line.from_node_id, line.to_depth_m)
) AS ends (here_id, there_id, depth_m)
JOIN {nodes} AS here ON here.feature_id = ends.here_id
JOIN {nodes} AS there ON there.feature_id = ends.there_id
WHERE dataset.name = %(dataset)s AND here.source_key = ANY(%(keys)s)
