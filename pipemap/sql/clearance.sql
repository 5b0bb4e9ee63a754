-- name: segment
-- One segment with the ground at both of its nodes.
SELECT {columns}
FROM {segments} AS f
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
WHERE f.feature_id = %(feature_id)s

-- name: neighbours
-- Segments within reach of a place in plan, with the ground at both of their nodes.
SELECT {columns}
FROM {segments} AS f
LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
WHERE ST_DWithin(f.geom, ST_GeomFromWKB(%(place)s, %(srid)s), %(reach_m)s)
ORDER BY f.feature_id

-- name: columns
-- What the clearance of a segment needs to know of it.
f.feature_id, f.source_key, f.class_code, f.from_node_id, f.to_node_id, f.shape_code, f.width_mm, f.height_mm,
f.burial_code, f.pressure_code, f.pressure_mpa, f.voltage_kv, f.container_id, f.lifecycle_code,
f.from_depth_m, f.to_depth_m, f.depth_datum_code, f.elevation_source_code,
f.horizontal_accuracy_m, f.vertical_accuracy_m,
a.ground_elevation_m AS from_ground_m, b.ground_elevation_m AS to_ground_m, ST_AsBinary(f.geom) AS axis

-- name: structures
-- Structures within reach of a place in plan.
SELECT f.feature_id, f.source_key, f.kind_code, f.name, f.base_elevation_m, f.top_elevation_m,
    ST_AsBinary(f.geom) AS outline
FROM {structures} AS f
WHERE ST_DWithin(f.geom, ST_GeomFromWKB(%(place)s, %(srid)s), %(reach_m)s)
ORDER BY f.feature_id
