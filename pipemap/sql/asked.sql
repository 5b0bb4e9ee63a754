-- name: pipes
-- Some segments as they are shown, with the length that is shown of each.
SELECT feature_id, ST_AsBinary(ST_Force2D(geom)) AS axis, ST_3DLength(geom) AS length_m
FROM pipemap_share.asked_pipe_segment WHERE feature_id = ANY(%(feature_ids)s::bigint[])

-- name: spanned
-- What the segments that are shown in the wanted window span: min x, min y, max x, max y.
SELECT ARRAY[ST_XMin(s.box), ST_YMin(s.box), ST_XMax(s.box), ST_YMax(s.box)] AS spanned
FROM (SELECT ST_Extent(geom) AS box FROM pipemap_share.pipe_segment) AS s
WHERE s.box IS NOT NULL

-- name: valves
-- Some nodes that are shown to be what they are, nearest to a burst first; with `of_known_state` only where that is shown.
SELECT v.feature_id AS node_id, nullif(v.source_key, '') AS source_key, v.name, v.address, v.valve_state_code AS state_code,
       v.operability_code, ST_X(v.geom) AS x_m, ST_Y(v.geom) AS y_m, b.away_m AS distance_m
FROM pipemap_share.asked_node AS v
CROSS JOIN LATERAL (SELECT ST_Distance(v.geom, ST_SetSRID(ST_GeomFromWKB(%(burst)s), ST_SRID(v.geom))) AS away_m) AS b
WHERE v.feature_id = ANY(%(feature_ids)s::bigint[]) AND v.appurtenance_code IS NOT NULL
  AND (NOT %(of_known_state)s OR v.valve_state_code IS NOT NULL)
ORDER BY b.away_m, v.feature_id

-- name: hydrants
-- The same of hydrants; within a distance, and at most so many, where those are given.
SELECT v.feature_id AS node_id, nullif(v.source_key, '') AS source_key, v.name, v.address, ST_X(v.geom) AS x_m, ST_Y(v.geom) AS y_m,
       b.away_m AS distance_m
FROM pipemap_share.asked_node AS v
CROSS JOIN LATERAL (SELECT ST_Distance(v.geom, ST_SetSRID(ST_GeomFromWKB(%(burst)s), ST_SRID(v.geom))) AS away_m) AS b
WHERE v.feature_id = ANY(%(feature_ids)s::bigint[]) AND v.appurtenance_code IS NOT NULL
  AND (%(within_m)s::float8 IS NULL OR b.away_m <= %(within_m)s)
ORDER BY b.away_m, v.feature_id
LIMIT %(most)s

-- name: plan_for_views
-- PostgreSQL takes a view of an agreement for one row, and joins two of them by reading one anew for every row of the
-- other. In a plan that is dear on purpose it would compile each expression, too.
SET LOCAL enable_nestloop = off; SET LOCAL jit = off

-- name: plan_for_tables
-- As before, for a block that reads the map itself.
SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL jit TO DEFAULT
