-- name: segment
-- One segment with the ground at both of its nodes.
SELECT {columns}
FROM {segments} AS f
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
WHERE f.feature_id = %(feature_id)s

-- name: neighbours
-- Segments within reach of some places in plan, with the ground at both of their nodes.
SELECT {columns}
FROM (
    SELECT DISTINCT ON (near.feature_id) near.*
    FROM unnest(%(places)s::bytea[]) AS place (wkb)
    CROSS JOIN LATERAL (
        SELECT * FROM {segments} AS segment
        WHERE ST_DWithin(segment.geom, ST_GeomFromWKB(place.wkb, %(srid)s), %(reach_m)s)
        OFFSET 0) AS near
    ORDER BY near.feature_id
) AS f
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
ORDER BY f.feature_id

-- name: ground
-- Places and ground elevations of the nodes within reach of some places in plan, with how accurate these are.
SELECT DISTINCT ST_X(near.geom) AS x_m, ST_Y(near.geom) AS y_m, near.ground_elevation_m, near.vertical_accuracy_m
FROM unnest(%(places)s::bytea[]) AS place (wkb)
CROSS JOIN LATERAL (
    SELECT geom, ground_elevation_m, vertical_accuracy_m FROM {nodes} AS node
    WHERE ST_DWithin(node.geom, ST_GeomFromWKB(place.wkb, %(srid)s), %(reach_m)s)
      AND ground_elevation_m IS NOT NULL
    OFFSET 0) AS near

-- name: columns
-- What the clearance of a segment needs to know of it.
f.feature_id, f.source_key, f.class_code, f.from_node_id, f.to_node_id, f.shape_code, f.width_mm, f.height_mm, f.casing_mm,
f.burial_code, f.material_code, f.owner, f.pressure_code, f.pressure_mpa, f.voltage_kv, f.container_id, f.lifecycle_code,
f.from_depth_m, f.to_depth_m, f.depth_datum_code, f.elevation_source_code, f.size_basis_code,
f.horizontal_accuracy_m, f.vertical_accuracy_m,
a.ground_elevation_m AS from_ground_m, b.ground_elevation_m AS to_ground_m,
a.vertical_accuracy_m AS from_ground_accuracy_m, b.vertical_accuracy_m AS to_ground_accuracy_m, ST_AsBinary(f.geom) AS axis

-- name: structures
-- Structures within reach of some places in plan.
SELECT DISTINCT ON (f.feature_id)
    f.feature_id, f.source_key, f.kind_code, f.name, f.base_elevation_m, f.top_elevation_m,
    ST_AsBinary(f.geom) AS outline
FROM unnest(%(places)s::bytea[]) AS place (wkb)
CROSS JOIN LATERAL (
    SELECT * FROM {structures} AS structure
    WHERE ST_DWithin(structure.geom, ST_GeomFromWKB(place.wkb, %(srid)s), %(reach_m)s)
    OFFSET 0) AS f
ORDER BY f.feature_id

-- name: city
-- Live segments in the ground of one version, by identity, with the ground at both of their nodes.
SELECT {columns}, a.ground_elevation_m, b.ground_elevation_m, a.vertical_accuracy_m, b.vertical_accuracy_m
FROM {segments} AS f
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
WHERE (f.lifecycle_code IS NULL OR f.lifecycle_code = ANY(%(active)s))
  AND (f.burial_code IS NULL OR f.burial_code <> ALL(%(above)s))
ORDER BY f.feature_id

-- name: city_structures
-- Every structure of one version.
SELECT f.feature_id, f.kind_code, ST_AsBinary(f.geom) AS outline FROM {structures} AS f ORDER BY f.feature_id

-- name: proposed
-- Segments that a changeset brings, live or planned, with the ground at their nodes, proposed or standing.
SELECT {columns}, coalesce(pa.ground_elevation_m, a.ground_elevation_m), coalesce(pb.ground_elevation_m, b.ground_elevation_m),
    coalesce(pa.vertical_accuracy_m, a.vertical_accuracy_m), coalesce(pb.vertical_accuracy_m, b.vertical_accuracy_m)
FROM {proposed} AS f
LEFT JOIN {proposed_nodes} AS pa ON pa.changeset_id = f.changeset_id AND pa.feature_id = f.from_node_id
LEFT JOIN {proposed_nodes} AS pb ON pb.changeset_id = f.changeset_id AND pb.feature_id = f.to_node_id
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
WHERE f.changeset_id = %(changeset_id)s AND f.op <> 'delete'
  AND (f.lifecycle_code IS NULL OR f.lifecycle_code = ANY(%(active)s)
       OR f.lifecycle_code IN ('planned', 'under_construction'))
  AND (f.burial_code IS NULL OR f.burial_code <> ALL(%(above)s))
ORDER BY f.feature_id

-- name: around_proposed
-- Live segments in the ground within reach of what a changeset brings, less what it replaces or deletes.
SELECT {columns}, a.ground_elevation_m, b.ground_elevation_m, a.vertical_accuracy_m, b.vertical_accuracy_m
FROM (
    SELECT DISTINCT near.feature_id
    FROM {proposed} AS p
    CROSS JOIN LATERAL (
        SELECT feature_id FROM {segments} AS segment
        WHERE segment.geom && ST_Expand(p.geom, %(reach_m)s) OFFSET 0) AS near
    WHERE p.changeset_id = %(changeset_id)s AND p.op <> 'delete'
) AS chosen
JOIN {segments} AS f USING (feature_id)
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
WHERE (f.lifecycle_code IS NULL OR f.lifecycle_code = ANY(%(active)s))
  AND (f.burial_code IS NULL OR f.burial_code <> ALL(%(above)s))
  AND NOT EXISTS (
    SELECT FROM {proposed} AS own WHERE own.changeset_id = %(changeset_id)s AND own.feature_id = f.feature_id)
ORDER BY f.feature_id

-- name: structures_around_proposed
-- Structures of the live map within reach of what a changeset brings.
SELECT DISTINCT ON (f.feature_id) f.feature_id, f.kind_code, ST_AsBinary(f.geom) AS outline
FROM {segments} AS p
CROSS JOIN LATERAL (
    SELECT * FROM {structures} AS structure WHERE ST_DWithin(structure.geom, p.geom, %(reach_m)s) OFFSET 0) AS f
WHERE p.changeset_id = %(changeset_id)s AND p.op <> 'delete'
ORDER BY f.feature_id

-- name: segments_by_id
-- Some segments with the ground at both of their nodes.
SELECT {columns}
FROM {segments} AS f
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
WHERE f.feature_id = ANY(%(feature_ids)s)

-- name: joined
-- Segments at some nodes, less those that are known.
SELECT {columns}
FROM {segments} AS f
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
WHERE (f.from_node_id = ANY(%(node_ids)s::bigint[]) OR f.to_node_id = ANY(%(node_ids)s::bigint[]))
  AND f.feature_id <> ALL(%(known)s::bigint[])

-- name: structures_by_id
-- Some structures.
SELECT f.feature_id, f.source_key, f.kind_code, f.name, f.base_elevation_m, f.top_elevation_m,
    ST_AsBinary(f.geom) AS outline
FROM {structures} AS f
WHERE f.feature_id = ANY(%(feature_ids)s)

-- name: begin_run
-- The run of a version by some limits, ground models and engine, made if there is none; whether it is done.
INSERT INTO pipemap.clearance_run (version, rules, limit_set_ids, ground, ground_models, engine, started_at)
VALUES (%(version)s, %(rules)s, %(limit_set_ids)s, %(ground)s, %(ground_models)s, %(engine)s, now())
ON CONFLICT (version, rules, ground, engine) DO UPDATE SET version = EXCLUDED.version
RETURNING run_id, finished_at IS NOT NULL AS is_done

-- name: drop_other_runs
-- Forget what a version was found to hold by other limits, ground models or engines; a run that is still under way is left alone.
WITH gone AS (
    DELETE FROM pipemap.clearance_run
    WHERE version = %(version)s AND run_id <> %(run_id)s
      AND (finished_at IS NOT NULL OR started_at < now() - interval '1 day')
    RETURNING run_id),
     tiles AS (DELETE FROM pipemap.clearance_tile USING gone WHERE clearance_tile.run_id = gone.run_id)
DELETE FROM pipemap.clearance_found USING gone WHERE clearance_found.run_id = gone.run_id

-- name: tiles_done
-- Tiles of a run that are stored.
SELECT tile FROM pipemap.clearance_tile WHERE run_id = %(run_id)s

-- name: tile_done
-- Note that a tile is stored.
INSERT INTO pipemap.clearance_tile (run_id, tile, pairs) VALUES (%(run_id)s, %(tile)s, %(pairs)s)

-- name: finish_run
-- Mark a run as done with what it counted.
UPDATE pipemap.clearance_run SET finished_at = now(), segments = %(segments)s,
    sizes_taken_as_outer = %(sizes_taken_as_outer)s, places = %(places)s::jsonb,
    pairs = (SELECT coalesce(sum(pairs), 0) FROM pipemap.clearance_tile WHERE run_id = %(run_id)s)
WHERE run_id = %(run_id)s

-- name: run_of
-- The newest finished run of a version.
SELECT run_id, version, segments, pairs, finished_at, rules, limit_set_ids, ground, ground_models, engine, places,
    sizes_taken_as_outer
FROM pipemap.clearance_run
WHERE version = %(version)s AND finished_at IS NOT NULL
ORDER BY run_id DESC LIMIT 1

-- name: counts_of
-- How many of each kind and state a run found, and how many of them are certain and beyond the survey accuracy.
SELECT kind, state, count(*) AS count,
    count(*) FILTER (WHERE state = 'conflict' AND NOT within_accuracy AND NOT to_be_confirmed) AS certain
FROM pipemap.clearance_found WHERE run_id = %(run_id)s GROUP BY kind, state ORDER BY kind, state

-- name: conflict_sides
-- Both sides of each conflict of a run, its kind as a place in a list of them, and whether it is certain.
SELECT array_position(%(kinds)s::text[], kind) - 1, segment_id, coalesce(other_id, %(nobody)s::int8),
    NOT (within_accuracy OR to_be_confirmed)
FROM pipemap.clearance_found WHERE run_id = %(run_id)s AND state = 'conflict'

-- name: found
-- What a run found, worst first; with a run to compare, only pairs that were not found there in that kind and state.
SELECT f.* FROM pipemap.clearance_found AS f
WHERE f.run_id = %(run_id)s AND f.state = %(state)s
  AND (%(kinds)s::text[] IS NULL OR f.kind = ANY(%(kinds)s))
  AND (NOT %(certain)s OR NOT (f.within_accuracy OR f.to_be_confirmed))
  AND (%(min_x)s::float8 IS NULL OR (f.x_m BETWEEN %(min_x)s AND %(max_x)s AND f.y_m BETWEEN %(min_y)s AND %(max_y)s))
  AND (%(since_run_id)s::int IS NULL OR NOT EXISTS (
    SELECT FROM pipemap.clearance_found AS old
    WHERE old.run_id = %(since_run_id)s AND old.kind = f.kind AND old.state = f.state
      AND old.segment_id = f.segment_id AND old.other_id IS NOT DISTINCT FROM f.other_id))
ORDER BY f.within_accuracy OR f.to_be_confirmed, f.limit_m - f.measured_m DESC NULLS LAST, f.segment_id, f.other_id
LIMIT %(limit)s OFFSET %(offset)s

-- name: found_pair
-- The conflict that a run found between a segment and another feature, or its ground, whichever of the two asked.
SELECT f.* FROM pipemap.clearance_found AS f
WHERE f.run_id = %(run_id)s AND f.state = 'conflict' AND (
    (f.segment_id = %(segment_id)s AND f.other_id IS NOT DISTINCT FROM %(other_id)s::bigint)
    OR (f.segment_id = %(other_id)s::bigint AND f.other_id = %(segment_id)s))
LIMIT 1

-- name: changeset
-- Whether there is a changeset.
SELECT changeset_id FROM pipemap.changeset WHERE changeset_id = %(changeset_id)s
