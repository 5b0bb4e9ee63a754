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
-- Places and ground elevations of the nodes within reach of some places in plan.
SELECT DISTINCT ST_X(near.geom) AS x_m, ST_Y(near.geom) AS y_m, near.ground_elevation_m
FROM unnest(%(places)s::bytea[]) AS place (wkb)
CROSS JOIN LATERAL (
    SELECT geom, ground_elevation_m FROM {nodes} AS node
    WHERE ST_DWithin(node.geom, ST_GeomFromWKB(place.wkb, %(srid)s), %(reach_m)s)
      AND ground_elevation_m IS NOT NULL
    OFFSET 0) AS near

-- name: columns
-- What the clearance of a segment needs to know of it.
f.feature_id, f.source_key, f.class_code, f.from_node_id, f.to_node_id, f.shape_code, f.width_mm, f.height_mm,
f.burial_code, f.material_code, f.pressure_code, f.pressure_mpa, f.voltage_kv, f.container_id, f.lifecycle_code,
f.from_depth_m, f.to_depth_m, f.depth_datum_code, f.elevation_source_code,
f.horizontal_accuracy_m, f.vertical_accuracy_m,
a.ground_elevation_m AS from_ground_m, b.ground_elevation_m AS to_ground_m, ST_AsBinary(f.geom) AS axis

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
