-- name: nodes
-- One row per node: identity, place, code positions (1-based in the code tables given, null when unknown), texts.
SELECT feature_id,
       ST_X(geom) AS x_m,
       ST_Y(geom) AS y_m,
       array_position({appurtenances}, appurtenance_code) AS appurtenance,
       CASE WHEN appurtenance_code IS NOT NULL THEN array_position({states}, valve_state_code) END AS state,
       CASE WHEN appurtenance_code IS NOT NULL THEN array_position({operabilities}, operability_code) END
           AS operability,
       lifecycle_code IS NULL OR lifecycle_code = ANY({active}) AS is_active,
       source_key,
       CASE WHEN appurtenance_code IS NOT NULL THEN name END AS name,
       CASE WHEN appurtenance_code IS NOT NULL THEN address END AS address,
       array_position({features}, feature_code) AS feature
FROM {relation} AS node

-- name: segments
-- One row per segment: identity, end nodes, length along the axis in m (in plan where z is unknown), middle of the
-- axis (z null where unknown), codes, clear width
-- and height in mm (assumed where only an outer or an unexplained size is known), key; inverts at both ends (null where
-- the axis is unknown; at the axis where the height is), what they come from, and the dataset; the whole axis, the outer
-- size, the stage of life, the voltage, and whose it is.
SELECT feature_id,
       from_node_id,
       to_node_id,
       ST_3DLength(geom) AS length_m,
       ST_X(middle) AS x_m,
       ST_Y(middle) AS y_m,
       ST_Z(middle) AS z_m,
       array_position({classes}, class_code) AS class,
       CASE flow_direction_code WHEN 'forward' THEN 1 WHEN 'backward' THEN -1 ELSE 0 END AS flow,
       lifecycle_code IS NULL OR lifecycle_code = ANY({active}) AS is_active,
       array_position({shapes}, shape_code) AS shape,
       coalesce(inner_width_mm, width_mm) AS bore_width_mm,
       coalesce(inner_height_mm, height_mm) AS bore_height_mm,
       inner_width_mm IS NULL AND coalesce(size_basis_code, 'unknown') NOT IN ('inner', 'nominal') AS is_bore_assumed,
       array_position({materials}, material_code) AS material,
       array_position({pressures}, pressure_code) AS pressure,
       source_key,
       ST_Z(ST_StartPoint(geom)) - half_height_m AS from_invert_m,
       ST_Z(ST_EndPoint(geom)) - half_height_m AS to_invert_m,
       array_position({elevation_sources}, elevation_source_code) AS level,
       dataset_id,
       ST_AsBinary(geom, 'NDR') AS axis,
       width_mm,
       height_mm,
       array_position({lifecycles}, lifecycle_code) AS lifecycle,
       voltage_kv,
       owner
FROM {relation} AS pipe_segment,
     ST_LineInterpolatePoint(geom, 0.5) AS middle,
     LATERAL (SELECT coalesce(inner_height_mm, height_mm, 0)::float8 / 2000 AS half_height_m) AS section

-- name: consumers
-- One row per consumer: identity, node served from, place, class, kind, people (null when unknown), name.
SELECT feature_id,
       node_id,
       ST_X(geom) AS x_m,
       ST_Y(geom) AS y_m,
       array_position({classes}, class_code) AS class,
       -- A delivery may bring a kind that the code table does not have.
       array_position({kinds}, CASE WHEN kind_code = ANY({kinds}) THEN kind_code ELSE 'unknown' END) AS kind,
       people,
       is_critical,
       CASE WHEN is_critical THEN name END AS name
FROM {relation} AS consumer

-- name: changed_ids
-- Features whose state is not the one they had at a version: new, superseded or gone since.
SELECT feature_id FROM {current} WHERE valid_from_version > {version}
UNION
SELECT feature_id FROM {history} WHERE valid_to_version > {version}

-- name: changed_states
-- The current states that began after a version.
(SELECT * FROM {current} WHERE valid_from_version > {version})

-- name: nearest_segment
-- The live segment of some classes that is nearest to a point: in 3D where both heights are known, else in plan.
-- All candidates within the radius (plan, m) are measured: the nearest in plan need not be the nearest in space.
SELECT feature_id AS segment_id, source_key, class_code, width_mm, height_mm, distance_m
FROM {relation} AS pipe_segment,
     (SELECT ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), srid) AS geom FROM pipemap.project) AS clicked,
     LATERAL (
         SELECT CASE WHEN ST_NDims(pipe_segment.geom) = 3 AND %(z)s::float8 IS NOT NULL
                     THEN ST_3DDistance(pipe_segment.geom, ST_Force3DZ(clicked.geom, %(z)s::float8))
                     ELSE ST_Distance(pipe_segment.geom, clicked.geom)
                END AS distance_m
     ) AS measured
WHERE class_code = ANY(%(class_codes)s)
  AND (lifecycle_code IS NULL OR lifecycle_code = ANY(%(active)s))
  AND ST_DWithin(pipe_segment.geom, clicked.geom, %(radius_m)s)
ORDER BY distance_m, feature_id
LIMIT 1

-- name: segment_by_key
-- The segments that some dataset, or any when none is given, names by a key.
SELECT feature_id, dataset.name AS dataset
FROM {relation} AS pipe_segment
JOIN pipemap.dataset USING (dataset_id)
WHERE pipe_segment.source_key = %(key)s
  AND (%(dataset)s::text IS NULL OR dataset.name = %(dataset)s)
ORDER BY feature_id

-- name: burst_whole
-- Axes of whole segments that have burst.
SELECT geom FROM {segments} AS segment WHERE feature_id = ANY(%(whole_ids)s)

-- name: burst_clicked
-- The point of an axis nearest to a clicked place.
SELECT ST_LineInterpolatePoint(segment.geom, ST_LineLocatePoint(segment.geom, clicked.geom)) AS geom
FROM unnest(%(clicked_ids)s::bigint[], %(x)s::float8[], %(y)s::float8[]) AS place (segment_id, x, y)
CROSS JOIN LATERAL (SELECT geom FROM {segments} AS taken WHERE taken.feature_id = place.segment_id OFFSET 0) AS segment
CROSS JOIN LATERAL (SELECT ST_SetSRID(ST_MakePoint(place.x, place.y), ST_SRID(segment.geom)) AS geom) AS clicked

-- name: burst_at_nodes
-- The ends of axes at nodes that have burst.
SELECT CASE WHEN from_node_id = ANY(%(node_ids)s) THEN ST_StartPoint(geom) ELSE ST_EndPoint(geom) END AS geom
FROM {segments} AS segment
WHERE from_node_id = ANY(%(node_ids)s) OR to_node_id = ANY(%(node_ids)s)
