-- name: collect
-- The matched features as GeoJSON, joined by commas in their order, and whether there were more than asked for.
-- Coordinates are easting, northing, z or, in a geographic system, longitude, latitude, z.
SELECT
    count(*) FILTER (WHERE f.place <= %(limit)s) AS shown,
    count(*) > %(limit)s AS more,
    max(f.feature_id) FILTER (WHERE f.place <= %(limit)s) AS last_id,
    string_agg({feature}, ',' ORDER BY f.place) FILTER (WHERE f.place <= %(limit)s) AS features
FROM (
    SELECT m.*, row_number() OVER (ORDER BY {order}) AS place
    FROM ({matched}) AS m
) AS f

-- name: filtered
-- Features that meet every condition, by identity; one more than the limit tells that there is a next page.
SELECT f.*
FROM {relation} AS f
WHERE {conditions}
ORDER BY f.feature_id
LIMIT %(limit)s + 1

-- name: count_unknown_elevation
-- Features that meet every other condition and whose elevation is not known, so that nobody can tell.
SELECT count(*) AS n
FROM {relation} AS f
WHERE {conditions} AND {z_min} IS NULL

-- name: envelope
-- A box in the project CRS.
ST_MakeEnvelope(%(min_x)s, %(min_y)s, %(max_x)s, %(max_y)s, %(bbox_srid)s::int)

-- name: foreign_box
-- A box in a CRS of its own, its edges densified so that they stay straight there when the box is transformed.
ST_Segmentize(
    ST_MakeEnvelope(%(min_x)s, %(min_y)s, %(max_x)s, %(max_y)s, %(bbox_srid)s::int),
    greatest(%(max_x)s::float8 - %(min_x)s, %(max_y)s::float8 - %(min_y)s) / 32
)

-- name: near
-- Features within a radius of a point, nearest first; distance_m in metres, in space when `spatial`, else in plan.
SELECT f.*, d.distance_m
FROM {relation} AS f
CROSS JOIN LATERAL (SELECT {distance} AS distance_m) AS d
WHERE ST_DWithin(f.geom, {point}, %(radius_m)s) AND d.distance_m <= %(radius_m)s AND {conditions}
ORDER BY d.distance_m, f.feature_id
LIMIT %(limit)s + 1

-- name: point
-- A point in its own CRS.
ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), %(point_srid)s::int)

-- name: corridor
-- Features within half the width of a line, in the order the line meets them; the line is cut into pieces because
-- the box of a long line that runs askew holds half the city.
WITH line AS (
    SELECT {line} AS geom
), piece AS (
    SELECT (ST_DumpSegments(ST_Segmentize(line.geom, %(piece_m)s))).geom AS geom FROM line
), found AS (
    SELECT DISTINCT f.feature_id
    FROM piece JOIN {relation} AS f ON ST_DWithin(f.geom, piece.geom, %(half_width_m)s)
    WHERE {conditions}
), corner AS (
    SELECT (ST_DumpPoints(line.geom)).geom AS geom FROM line
)
SELECT f.*, apart.distance_m, place.share * ST_Length(line.geom) AS station_m
FROM found JOIN {relation} AS f USING (feature_id) CROSS JOIN line
CROSS JOIN LATERAL (SELECT ST_Distance(f.geom, line.geom) AS distance_m) AS apart
CROSS JOIN LATERAL (
    -- Of what runs side by side every place is as near: the first of them is a vertex of the one or of the other.
    SELECT least(
        ST_LineLocatePoint(line.geom, ST_ClosestPoint(line.geom, f.geom)),
        (SELECT min(ST_LineLocatePoint(line.geom, vertex.geom)) FROM ST_DumpPoints(f.geom) AS vertex
         WHERE ST_DWithin(vertex.geom, line.geom, apart.distance_m + %(same_m)s)),
        (SELECT min(ST_LineLocatePoint(line.geom, corner.geom)) FROM corner
         WHERE ST_DWithin(corner.geom, f.geom, apart.distance_m + %(same_m)s))) AS share) AS place
ORDER BY station_m, f.feature_id
LIMIT %(limit)s + 1

-- name: search
-- Features whose key or name is the text or begins with it; the exact ones first.
SELECT
    {kind} AS kind, f.feature_id, f.source_key, {title} AS name, {class_code} AS class_code,
    ST_X(p.geom) AS x_m, ST_Y(p.geom) AS y_m,
    CASE WHEN f.source_key = %(text)s THEN 0
         WHEN {title} = %(text)s THEN 1
         WHEN f.source_key ILIKE %(prefix)s THEN 2
         ELSE 3 END AS rank
FROM {relation} AS f
CROSS JOIN LATERAL (SELECT {place} AS geom) AS p
WHERE f.source_key ILIKE %(prefix)s OR {title} ILIKE %(contained)s
ORDER BY rank, length(f.source_key), f.source_key, f.feature_id
LIMIT %(limit)s
