-- name: pipes
-- Plan axes of a utility's live pipes in a box, those of the cut (by identity) first.
SELECT feature_id, ST_AsBinary(ST_Force2D(geom)) AS axis
FROM {relation} AS pipe_segment
WHERE geom && ST_MakeEnvelope(%(low_x)s, %(low_y)s, %(high_x)s, %(high_y)s, (SELECT srid FROM pipemap.project))
  AND class_code = ANY(%(class_codes)s)
  AND (lifecycle_code IS NULL OR lifecycle_code = ANY(%(active)s))
ORDER BY feature_id = ANY(%(first)s) DESC, feature_id
LIMIT %(limit)s

-- name: buildings
-- Outlines of what stands in a box, the largest first.
SELECT name, ST_AsBinary(ST_Force2D(geom)) AS outline
FROM {relation} AS structure
WHERE geom && ST_MakeEnvelope(%(low_x)s, %(low_y)s, %(high_x)s, %(high_y)s, (SELECT srid FROM pipemap.project))
  AND ST_Dimension(geom) = 2
ORDER BY ST_Area(geom) DESC, feature_id
LIMIT %(limit)s

-- name: streets
-- Addresses that several points in a box share, with where those points lie.
SELECT address, array_agg(ST_X(geom)) AS x_m, array_agg(ST_Y(geom)) AS y_m
FROM {relation} AS node
WHERE geom && ST_MakeEnvelope(%(low_x)s, %(low_y)s, %(high_x)s, %(high_y)s, (SELECT srid FROM pipemap.project))
  AND class_code = ANY(%(class_codes)s)
  AND address IS NOT NULL
GROUP BY address
HAVING count(*) > 2
ORDER BY count(*) DESC, address
LIMIT %(limit)s

-- name: nearest_address
-- The address on the map that lies nearest to a place, and how far off.
SELECT address, ST_Distance(geom, clicked.place) AS distance_m
FROM {relation} AS node,
     (SELECT ST_SetSRID(ST_MakePoint(%(x_m)s, %(y_m)s), srid) AS place FROM pipemap.project) AS clicked
WHERE address IS NOT NULL AND ST_DWithin(geom, clicked.place, %(radius_m)s)
ORDER BY geom <-> clicked.place
LIMIT 1

-- name: burst_pipes
-- What has burst, as a crew would describe it.
SELECT feature_id, source_key, class_code, width_mm, material_code, owner, pressure_code
FROM {relation} AS pipe_segment
WHERE feature_id = ANY(%(ids)s)
ORDER BY feature_id

-- name: published
-- When a version was published.
SELECT published_at FROM pipemap.version WHERE version = %(version)s
