-- name: beside
-- Live segments of some classes that run along one another: the middle of one within a distance (plan, m) of the other,
-- their chords within 20 degrees; what has no length, and so no chord, goes with what has none. OFFSET 0 keeps the spatial index in use.
SELECT one.feature_id, other.feature_id AS beside_id, ST_Distance(one.middle, other.geom) AS apart_m
FROM (
    SELECT feature_id, ST_LineInterpolatePoint(ST_Force2D(geom), 0.5) AS middle,
           ST_Azimuth(ST_StartPoint(geom), ST_EndPoint(geom)) AS heading
    FROM {segments} AS segment
    WHERE class_code = ANY(%(classes)s) AND (lifecycle_code IS NULL OR lifecycle_code = ANY(%(active)s))) AS one
CROSS JOIN LATERAL (
    SELECT *, ST_Azimuth(ST_StartPoint(geom), ST_EndPoint(geom)) AS heading FROM {segments} AS near
    WHERE ST_DWithin(near.geom, one.middle, %(apart_m)s)
      AND near.class_code = ANY(%(classes)s)
      AND (near.lifecycle_code IS NULL OR near.lifecycle_code = ANY(%(active)s))
      AND near.feature_id <> one.feature_id
    OFFSET 0) AS other
WHERE coalesce(abs(cos(one.heading - other.heading)) >= cos(radians(20)),
               one.heading IS NULL AND other.heading IS NULL)
ORDER BY one.feature_id, apart_m, beside_id

-- name: circuits
-- What the circuit column says of live segments of some classes.
SELECT feature_id, circuit
FROM {segments} AS segment
WHERE class_code = ANY(%(classes)s) AND circuit IS NOT NULL
  AND (lifecycle_code IS NULL OR lifecycle_code = ANY(%(active)s))
