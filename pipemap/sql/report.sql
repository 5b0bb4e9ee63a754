-- name: touched_segments
SELECT feature_id, source_key, class_code, op AS change, ST_AsBinary(geom) AS geom
FROM pipemap.pipe_segment_delta WHERE changeset_id = %(changeset_id)s
UNION ALL
SELECT feature_id, source_key, class_code, 'published', ST_AsBinary(geom)
FROM pipemap.pipe_segment JOIN pipemap.version ON version = valid_from_version
WHERE changeset_id = %(changeset_id)s
ORDER BY feature_id

-- name: touched_nodes
SELECT feature_id, source_key, class_code, op AS change, ST_AsBinary(geom) AS geom
FROM pipemap.node_delta WHERE changeset_id = %(changeset_id)s
UNION ALL
SELECT feature_id, source_key, class_code, 'published', ST_AsBinary(geom)
FROM pipemap.node JOIN pipemap.version ON version = valid_from_version
WHERE changeset_id = %(changeset_id)s
ORDER BY feature_id

-- name: segment_lengths
-- Along the axis where its height is known, in plan where it is not.
SELECT class_code, elevation_source_code, count(*) AS segments,
       sum(ST_Length(geom)) AS plan_m, sum(ST_3DLength(geom)) AS axis_m
FROM {content}
GROUP BY class_code, elevation_source_code
ORDER BY class_code, elevation_source_code

-- name: segment_completeness
SELECT class_code, count(*) AS features,
       count(*) FILTER (WHERE width_mm IS NOT NULL OR nominal_mm IS NOT NULL OR hole_count IS NOT NULL) AS section,
       count(material_code) AS material,
       count(burial_code) AS burial,
       count(*) FILTER (WHERE from_depth_m IS NOT NULL AND to_depth_m IS NOT NULL) AS depth,
       count(*) FILTER (WHERE elevation_source_code <> 'unknown') AS elevation,
       count(*) FILTER (WHERE flow_direction_code <> 'unknown') AS flow_direction,
       count(*) FILTER (WHERE pressure_code IS NOT NULL OR pressure_mpa IS NOT NULL) AS pressure,
       count(voltage_kv) AS voltage,
       count(lifecycle_code) AS lifecycle,
       count(owner) AS owner,
       count(installed_on) AS installed
FROM {content}
GROUP BY class_code
ORDER BY class_code

-- name: node_completeness
SELECT class_code, count(*) AS features,
       count(ground_elevation_m) AS ground,
       count(*) FILTER (WHERE feature_code IS NOT NULL OR appurtenance_code IS NOT NULL) AS kind
FROM {content}
GROUP BY class_code
ORDER BY class_code

-- name: depths
-- Ends of segments by class and depth, in steps of half a metre; everything deeper is in the last.
SELECT class_code, least(greatest(floor(depth_m * 2), 0), %(last_step)s)::int AS step, count(*) AS ends
FROM {content} CROSS JOIN LATERAL (VALUES (from_depth_m), (to_depth_m)) AS surveyed (depth_m)
WHERE depth_m IS NOT NULL
GROUP BY class_code, step
ORDER BY class_code, step

-- name: drafted_places
-- Where the features of a kind lie that an open changeset touches, and where they lie now; some of them, by no order.
SELECT d.op, ST_AsBinary(ST_Force2D(d.geom)) AS after, ST_AsBinary(ST_Force2D(c.geom)) AS before
FROM {delta} d LEFT JOIN {current} c USING (feature_id)
WHERE d.changeset_id = %(changeset_id)s
ORDER BY hashint8(d.feature_id)
LIMIT %(limit)s

-- name: published_places
-- The same of a version: where they lay before it and since.
WITH made AS (
    SELECT feature_id, geom FROM {current} WHERE valid_from_version = %(version)s
    UNION ALL
    SELECT feature_id, geom FROM {history} WHERE valid_from_version = %(version)s)
SELECT CASE WHEN ended.feature_id IS NULL THEN 'insert' WHEN made.feature_id IS NULL THEN 'delete' ELSE 'update' END AS op,
       ST_AsBinary(ST_Force2D(coalesce(made.geom, ended.geom))) AS after, ST_AsBinary(ST_Force2D(ended.geom)) AS before
FROM made FULL JOIN (
    SELECT feature_id, geom FROM {history} WHERE valid_to_version = %(version)s) ended USING (feature_id)
ORDER BY hashint8(feature_id)
LIMIT %(limit)s
