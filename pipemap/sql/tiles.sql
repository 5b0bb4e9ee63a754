-- name: staff_standing
(
    SELECT coalesce(%(version)s::int, max(v.version), 0) AS version, %(digest)s::text AS digest, NULL::geometry AS wanted
    FROM pipemap.version AS v
)

-- name: drawn
-- What is drawn, if anything, with the version it is of, the digest of the permission and the window in the project's
-- system.
SELECT standing.version AS of_version, standing.digest AS of_digest, ST_AsBinary(standing.wanted) AS wanted, drawn.*
FROM {standing} AS standing
LEFT JOIN (SELECT true AS is_drawn, d.* FROM ({drawing}) AS d) AS drawn ON true

-- name: straight
-- How the window lies in the tile's system, were that straight. On tiles of level 15 and above it is so to a tenth of a
-- unit: the two systems are both conformal, and a side of such a tile is a five thousandth of the earth's radius.
WITH straight AS MATERIALIZED (
    SELECT
        slope.*,
        (ST_X(side.west) + ST_X(side.east)) / 2 - slope.xx * side.x - slope.xy * side.y AS x,
        (ST_Y(side.west) + ST_Y(side.east)) / 2 - slope.yx * side.x - slope.yy * side.y AS y
    FROM (
        SELECT
            middle.*,
            ST_Transform(ST_SetSRID(ST_MakePoint(x0, y), {own_srid}), {srid}) AS west,
            ST_Transform(ST_SetSRID(ST_MakePoint(x1, y), {own_srid}), {srid}) AS east,
            ST_Transform(ST_SetSRID(ST_MakePoint(x, y0), {own_srid}), {srid}) AS south,
            ST_Transform(ST_SetSRID(ST_MakePoint(x, y1), {own_srid}), {srid}) AS north
        FROM (
            SELECT x0, x1, y0, y1, (x0 + x1) / 2 AS x, (y0 + y1) / 2 AS y
            FROM (
                SELECT ST_XMin(wanted) AS x0, ST_XMax(wanted) AS x1, ST_YMin(wanted) AS y0, ST_YMax(wanted) AS y1
                FROM (SELECT nullif(current_setting('pipemap.wanted', true), '')::geometry AS wanted) AS w
            ) AS box
        ) AS middle
        OFFSET 0
    ) AS side
    CROSS JOIN LATERAL (
        SELECT
            (ST_X(east) - ST_X(west)) / (x1 - x0) AS xx, (ST_X(north) - ST_X(south)) / (y1 - y0) AS xy,
            (ST_Y(east) - ST_Y(west)) / (x1 - x0) AS yx, (ST_Y(north) - ST_Y(south)) / (y1 - y0) AS yy
    ) AS slope
)

-- name: feature_drawn
-- What a tile draws of each feature. OFFSET 0 has each drawn once, not once more to see whether anything is left of it.
SELECT drawn.*
FROM (
    SELECT v.feature_id, {attributes}, ST_AsMVTGeom({geometry}, {box}, %(extent)s, %(buffer)s) AS geom
    FROM {relation} AS v
    WHERE {condition}
    OFFSET 0
) AS drawn
WHERE geom IS NOT NULL

-- name: features
-- One tile of single features as MVT, with their identities, in no order; without a body when there are more than the
-- cap.
{straight}SELECT count(*) AS shown, false AS is_capped, coalesce(array_agg(f.feature_id), '{{}}') AS ids,
       CASE WHEN count(*) <= %(cap)s THEN ST_AsMVT(t, %(layer)s, %(extent)s, 'geom', 'feature_id') END AS body
FROM ({drawn} LIMIT %(cap)s + 1) AS f
CROSS JOIN LATERAL (SELECT f.feature_id, {names}, f.geom) AS t

-- name: capped_features
-- The same of a tile that has more features than the cap: the lowest identities, and a layer that is there only where a
-- tile could not show everything: its outline, how many features it shows.
{straight}SELECT count(*) AS shown, true AS is_capped, array_agg(f.feature_id) AS ids,
       ST_AsMVT(t, %(layer)s, %(extent)s, 'geom', 'feature_id') || (
           SELECT ST_AsMVT(tile, 'capped', %(extent)s, 'geom')
           FROM (SELECT ST_AsMVTGeom({box}, {box}, %(extent)s, 0) AS geom, %(cap)s::int AS shown) AS tile
       ) AS body
FROM ({drawn} ORDER BY feature_id LIMIT %(cap)s) AS f
CROSS JOIN LATERAL (SELECT f.feature_id, {names}, f.geom) AS t

-- name: overview
-- One tile as MVT with one feature a class: ends moved to the pixel they fall into, what falls into one pixel left
-- out, what lies on top of each other drawn once. How many segments that stands for.
SELECT coalesce(sum(segments), 0) AS shown, false AS is_capped, NULL::bigint[] AS ids,
       ST_AsMVT(classes, %(layer)s, %(extent)s, 'geom') AS body
FROM (
    SELECT class_code, sum(segments)::bigint AS segments,
           ST_AsMVTGeom(ST_Collect(line), {box}, %(extent)s, %(buffer)s) AS geom
    FROM (
        SELECT class_code, line, count(*) AS segments
        FROM (
            SELECT v.class_code, ST_SnapToGrid(ST_Force2D({geometry}), %(pixel)s) AS line
            FROM {relation} AS v
            WHERE {condition}
        ) AS snapped
        GROUP BY class_code, line
    ) AS lines
    GROUP BY class_code
    ORDER BY class_code
) AS classes
WHERE geom IS NOT NULL

-- name: solids
-- What a tile of bodies holds: segments of known height whose box has its middle there, by identity.
SELECT {columns}, ST_AsBinary(v.geom) AS axis
FROM {relation} AS v
WHERE {condition}
  AND ST_NDims(v.geom) = 3
  AND {level} = %(level)s
  AND floor((%(top)s::float8 - (ST_YMin(v.geom) + ST_YMax(v.geom)) / 2) / %(side)s) = %(row)s
  AND floor(((ST_XMin(v.geom) + ST_XMax(v.geom)) / 2 - %(left)s::float8) / %(side)s) = %(column)s
ORDER BY v.feature_id

-- name: solid_cells
-- The tiles that hold a body: how many segments, how many of them are of unknown size, and the space they take.
-- Segments of unknown height are the row of no level.
SELECT level, floor((%(top)s::float8 - (y0 + y1) / 2) / side)::int AS row,
       floor(((x0 + x1) / 2 - %(left)s::float8) / side)::int AS column,
       count(*) AS segments, count(*) FILTER (WHERE reach_m IS NULL) AS without_size,
       min(x0) - max(coalesce(reach_m, 0)) AS x0, min(y0) - max(coalesce(reach_m, 0)) AS y0,
       max(x1) + max(coalesce(reach_m, 0)) AS x1, max(y1) + max(coalesce(reach_m, 0)) AS y1,
       min(z0) - max(coalesce(reach_m, 0)) AS z0, max(z1) + max(coalesce(reach_m, 0)) AS z1
FROM (
    SELECT cells.*, %(side_0)s::float8 / 2.0 ^ level AS side
    FROM (
        SELECT CASE WHEN ST_NDims(v.geom) = 3 THEN {level} END AS level,
               ST_XMin(v.geom) AS x0, ST_YMin(v.geom) AS y0, ST_XMax(v.geom) AS x1, ST_YMax(v.geom) AS y1,
               ST_ZMin(v.geom) AS z0, ST_ZMax(v.geom) AS z1,
               {reach} AS reach_m
        FROM {relation} AS v
        WHERE {condition}
    ) AS cells
) AS placed
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
