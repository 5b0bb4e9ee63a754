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

-- name: features
-- One tile of single features as MVT, the lowest identities first when there are more than the cap; how many it
-- shows, whether that is all, and a digest of their identities.
SELECT
    least(count(*), %(cap)s) AS shown,
    count(*) > %(cap)s AS is_capped,
    encode(sha256(convert_to(coalesce(
        string_agg(f.feature_id || E'\n', '') FILTER (WHERE f.place <= %(cap)s), ''
    ), 'UTF8')), 'hex') AS ids_sha256,
    ST_AsMVT(t, %(layer)s, %(extent)s, 'geom', 'feature_id') FILTER (WHERE f.place <= %(cap)s) || CASE
        WHEN count(*) > %(cap)s THEN (
            -- A layer that is there only where a tile could not show everything: its outline, how many features it shows.
            SELECT ST_AsMVT(tile, 'capped', %(extent)s, 'geom')
            FROM (SELECT ST_AsMVTGeom({box}, {box}, %(extent)s, 0) AS geom, %(cap)s::int AS shown) AS tile
        ) ELSE '' END AS body
FROM (
    SELECT m.*, row_number() OVER (ORDER BY m.feature_id) AS place
    FROM (
        SELECT drawn.*
        FROM (
            SELECT v.feature_id, {attributes}, ST_AsMVTGeom({geometry}, {box}, %(extent)s, %(buffer)s) AS geom
            FROM {relation} AS v
            WHERE {condition}
            -- Has each drawn once, not once more to see whether anything is left of it.
            OFFSET 0
        ) AS drawn
        WHERE geom IS NOT NULL
        ORDER BY feature_id
        LIMIT %(cap)s + 1
    ) AS m
) AS f
CROSS JOIN LATERAL (SELECT f.feature_id, {names}, f.geom) AS t

-- name: overview
-- One tile as MVT with one feature a class: ends moved to the pixel they fall into, what falls into one pixel left
-- out, what lies on top of each other drawn once. How many segments that stands for.
SELECT coalesce(sum(segments), 0) AS shown, false AS is_capped, NULL AS ids_sha256,
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
