-- name: segments
-- One row per segment: identity, axis as little-endian WKB, code positions (1-based, null when unknown), outer
-- size in mm, and the ground at both ends, in m, which only segments of unknown depth are drawn at.
SELECT segment.feature_id,
       ST_AsBinary(segment.geom, 'NDR') AS axis,
       array_position({classes}, segment.class_code) AS class,
       array_position({shapes}, segment.shape_code) AS shape,
       segment.width_mm,
       segment.height_mm,
       segment.elevation_source_code = 'inferred' AS is_inferred,
       segment.lifecycle_code = ANY({inactive}) AS is_inactive,
       start_node.ground_elevation_m AS from_ground_m,
       end_node.ground_elevation_m AS to_ground_m
FROM {segments} AS segment
LEFT JOIN {nodes} AS start_node ON start_node.feature_id = segment.from_node_id
LEFT JOIN {nodes} AS end_node ON end_node.feature_id = segment.to_node_id
WHERE {box}::geometry IS NULL OR segment.geom && {box}

-- name: nodes
-- One row per node: identity, plan position, ground elevation in m, code positions (1-based, null when unknown).
SELECT feature_id,
       ST_X(geom) AS x_m,
       ST_Y(geom) AS y_m,
       ground_elevation_m,
       array_position({classes}, class_code) AS class,
       array_position({appurtenances}, appurtenance_code) AS appurtenance,
       array_position({states}, valve_state_code) AS state
FROM {nodes} AS node
WHERE {box}::geometry IS NULL OR geom && {box}

-- name: consumers
-- One row per consumer: identity, plan position, whether it must be warned by name.
SELECT feature_id, ST_X(geom) AS x_m, ST_Y(geom) AS y_m, is_critical
FROM {consumers} AS consumer
WHERE {box}::geometry IS NULL OR geom && {box}

-- name: structures
-- Outlines of structures that have an area, each part's outer ring alone, with lowest and highest point in m.
SELECT feature_id, base_elevation_m, top_elevation_m, ST_AsBinary(ST_ExteriorRing(part.geom), 'NDR') AS outline
FROM {structures} AS structure, LATERAL ST_Dump(ST_Force2D(structure.geom)) AS part
WHERE GeometryType(part.geom) = 'POLYGON' AND ({box}::geometry IS NULL OR structure.geom && {box})
