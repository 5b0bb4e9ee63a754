-- name: create_held
-- The number under which the map holds a delivered feature where that is not its own; null: it holds it under none.
CREATE TEMP TABLE {held} (source_key text PRIMARY KEY, held_key text UNIQUE) ON COMMIT DROP

-- name: is_held
SELECT FROM {current} WHERE dataset_id = %(dataset_id)s LIMIT 1

-- name: drop_strays
DROP TABLE IF EXISTS stray, loose, pair

-- name: stray_points
-- Delivered points whose number the map does not hold, or holds somewhere else.
CREATE TEMP TABLE stray ON COMMIT DROP AS
SELECT s.source_key, s.class_code, s.geom, c.feature_id IS NOT NULL AS is_known
FROM {staged} s
LEFT JOIN {current} c ON c.dataset_id = %(dataset_id)s AND c.source_key = s.source_key
WHERE c.feature_id IS NULL OR NOT ST_DWithin(s.geom, c.geom, %(within_m)s)

-- name: loose_points
-- Points of the map whose number the delivery does not hold, or holds somewhere else.
CREATE TEMP TABLE loose ON COMMIT DROP AS
SELECT c.source_key, c.class_code, c.geom
FROM {current} c
LEFT JOIN {staged} s ON s.source_key = c.source_key
WHERE c.dataset_id = %(dataset_id)s AND (s.source_key IS NULL OR NOT ST_DWithin(s.geom, c.geom, %(within_m)s))

-- name: index_loose
CREATE INDEX ON loose USING gist (geom)

-- name: analyze_strays
ANALYZE stray, loose

-- name: pair_points
CREATE TEMP TABLE pair ON COMMIT DROP AS
SELECT s.source_key, c.source_key AS held_key
FROM stray s
JOIN loose c ON ST_DWithin(s.geom, c.geom, %(within_m)s) AND c.class_code = s.class_code
            AND c.source_key <> s.source_key

-- name: hold_pairs
-- Pairs in which each side has no other partner.
INSERT INTO {held}
SELECT source_key, held_key
FROM (SELECT *, count(*) OVER (PARTITION BY source_key) AS helds, count(*) OVER (PARTITION BY held_key) AS sources
      FROM pair) AS counted
WHERE helds = 1 AND sources = 1
  AND NOT EXISTS (SELECT FROM {held} h WHERE h.source_key = counted.source_key OR h.held_key = counted.held_key)

-- name: ambiguous
SELECT p.source_key, array_agg(p.held_key ORDER BY p.held_key) AS held_keys
FROM pair p
WHERE NOT EXISTS (SELECT FROM {held} h WHERE h.source_key = p.source_key)
GROUP BY p.source_key
ORDER BY p.source_key

-- name: release_points
-- A delivered number that the map knows for a point which now goes by another number is a new point.
INSERT INTO {held}
SELECT s.source_key, NULL
FROM stray s
JOIN {held} h ON h.held_key = s.source_key
WHERE s.is_known AND NOT EXISTS (SELECT FROM {held} own WHERE own.source_key = s.source_key)

-- name: stray_structures
-- Delivered structures whose number the map does not hold, or holds for something of another outline.
CREATE TEMP TABLE stray ON COMMIT DROP AS
SELECT s.source_key, s.kind_code, ST_Force2D(s.geom) AS geom, c.feature_id IS NOT NULL AS is_known
FROM {staged} s
LEFT JOIN {current} c ON c.dataset_id = %(dataset_id)s AND c.source_key = s.source_key
WHERE c.feature_id IS NULL
   OR NOT (ST_DWithin(s.geom, c.geom, %(within_m)s)
           AND ST_HausdorffDistance(ST_Force2D(s.geom), ST_Force2D(c.geom)) <= %(within_m)s)

-- name: loose_structures
CREATE TEMP TABLE loose ON COMMIT DROP AS
SELECT c.source_key, c.kind_code, ST_Force2D(c.geom) AS geom
FROM {current} c
LEFT JOIN {staged} s ON s.source_key = c.source_key
LEFT JOIN stray ON stray.source_key = c.source_key
WHERE c.dataset_id = %(dataset_id)s AND (s.source_key IS NULL OR stray.source_key IS NOT NULL)

-- name: pair_structures
-- The same kind with the same outline.
CREATE TEMP TABLE pair ON COMMIT DROP AS
SELECT s.source_key, c.source_key AS held_key
FROM stray s
JOIN loose c ON ST_DWithin(s.geom, c.geom, %(within_m)s) AND c.kind_code = s.kind_code
            AND c.source_key <> s.source_key AND ST_HausdorffDistance(s.geom, c.geom) <= %(within_m)s

-- name: stray_lines
-- Delivered lines whose number the map does not hold, or holds between other points.
CREATE TEMP TABLE stray ON COMMIT DROP AS
SELECT s.source_key, s.class_code, s.from_node_id, s.to_node_id, ST_Force2D(s.geom) AS geom,
       c.feature_id IS NOT NULL AS is_known
FROM {linked} s
LEFT JOIN {current} c ON c.dataset_id = %(dataset_id)s AND c.source_key = s.source_key
WHERE c.feature_id IS NULL
   OR least(s.from_node_id, s.to_node_id) <> least(c.from_node_id, c.to_node_id)
   OR greatest(s.from_node_id, s.to_node_id) <> greatest(c.from_node_id, c.to_node_id)

-- name: loose_lines
CREATE TEMP TABLE loose ON COMMIT DROP AS
SELECT c.source_key, c.class_code, c.from_node_id, c.to_node_id, ST_Force2D(c.geom) AS geom
FROM {current} c
LEFT JOIN {staged} s ON s.source_key = c.source_key
LEFT JOIN stray ON stray.source_key = c.source_key
WHERE c.dataset_id = %(dataset_id)s AND (s.source_key IS NULL OR stray.source_key IS NOT NULL)

-- name: pair_lines
-- The same class between the same points, whichever way they are drawn.
CREATE TEMP TABLE pair ON COMMIT DROP AS
SELECT s.source_key, c.source_key AS held_key, ST_HausdorffDistance(s.geom, c.geom) <= %(within_m)s AS is_alike
FROM stray s
JOIN loose c ON least(s.from_node_id, s.to_node_id) = least(c.from_node_id, c.to_node_id)
            AND greatest(s.from_node_id, s.to_node_id) = greatest(c.from_node_id, c.to_node_id)
            AND c.class_code = s.class_code

-- name: keep_alike
DELETE FROM pair WHERE NOT is_alike

-- name: without_held
DELETE FROM {strays} each WHERE EXISTS (SELECT FROM {held} h WHERE h.{column} = each.source_key)

-- name: parts
-- Lines of one side that lie along one line of the other and are together as long: what was split, or was merged.
WITH part AS (
    SELECT whole.source_key AS whole_key, part.source_key AS part_key, ST_Length(whole.geom) AS whole_m,
           ST_Length(part.geom) AS part_m, ST_LineInterpolatePoint(whole.geom, 0.5) AS middle,
           count(*) OVER (PARTITION BY part.source_key) AS wholes
    FROM {wholes} AS whole
    JOIN {parts} AS part ON part.class_code = whole.class_code AND part.geom && ST_Expand(whole.geom, %(within_m)s)
     AND ST_CoveredBy(part.geom, ST_Buffer(whole.geom, %(within_m)s))
)
SELECT whole_key, array_agg(part_key ORDER BY part_m DESC, part_key) AS part_keys,
       ST_X((array_agg(middle))[1]) AS x_m, ST_Y((array_agg(middle))[1]) AS y_m
FROM part
GROUP BY whole_key
HAVING count(*) > 1 AND max(wholes) = 1 AND abs(sum(part_m) - min(whole_m)) <= %(within_m)s * (count(*) + 1)
ORDER BY whole_key

-- name: hold
INSERT INTO {held} VALUES (%(source_key)s, %(held_key)s)

-- name: release_lines
-- What is left of delivered numbers that the map knows between other points are new lines.
INSERT INTO {held}
SELECT s.source_key, NULL
FROM stray s
WHERE s.is_known AND NOT EXISTS (SELECT FROM {held} h WHERE h.source_key = s.source_key)

-- name: renumbered
SELECT held_key, source_key FROM {held} WHERE held_key IS NOT NULL AND held_key <> source_key ORDER BY source_key
