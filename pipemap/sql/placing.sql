-- name: extent
-- Between the first and the last hundredth of the nodes in either direction; a large map is looked at by samples.
SELECT percentile_disc(0.01) WITHIN GROUP (ORDER BY ST_X(geom)) AS min_x,
       percentile_disc(0.01) WITHIN GROUP (ORDER BY ST_Y(geom)) AS min_y,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY ST_X(geom)) AS max_x,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY ST_Y(geom)) AS max_y
FROM pipemap.node TABLESAMPLE SYSTEM (
    (SELECT least(100.0, 100.0 * 200000 / greatest(reltuples, 1)) FROM pg_class WHERE oid = 'pipemap.node'::regclass)
)

-- name: same_keys
-- Delivered points and the map's points of the same number, by dataset; keys made of places tell nothing.
-- Dataset by dataset and one each: asked for the number alone, the index would be read whole for every point.
SELECT s.source_key, ST_X(s.geom) AS x_m, ST_Y(s.geom) AS y_m, d.name AS dataset,
       ST_X(s.geom) - ST_X(n.geom) AS dx_m, ST_Y(s.geom) - ST_Y(n.geom) AS dy_m
FROM (
    SELECT source_key, geom FROM staged_node
    WHERE strpos(source_key, '@') = 0 AND abs(hashtext(source_key)::bigint) %% %(nth)s = 0
    LIMIT %(most)s
) AS s
CROSS JOIN pipemap.dataset AS d
CROSS JOIN LATERAL (
    SELECT geom FROM pipemap.node WHERE dataset_id = d.dataset_id AND source_key = s.source_key LIMIT 1
) AS n

-- name: middle
-- Where the middle of the delivery lies.
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ST_X(geom)) AS x_m,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY ST_Y(geom)) AS y_m
FROM (
    SELECT geom FROM staged_node WHERE abs(hashtext(source_key)::bigint) %% %(nth)s = 0 LIMIT %(most)s
) AS s

-- name: neighbours
-- Offsets of delivered points from all points of their class around them.
SELECT s.source_key, ST_X(s.geom) AS x_m, ST_Y(s.geom) AS y_m,
       ST_X(s.geom) - ST_X(n.geom) AS dx_m, ST_Y(s.geom) - ST_Y(n.geom) AS dy_m
FROM (
    SELECT source_key, class_code, geom FROM staged_node
    WHERE abs(hashtext(source_key)::bigint) %% %(nth)s = 0
    LIMIT %(most)s
) AS s
JOIN pipemap.node AS n ON ST_DWithin(n.geom, s.geom, 300) AND n.class_code = s.class_code

-- name: heights
-- Ground at delivered points and at the nearest point of the map within 20 m.
SELECT ST_X(s.geom) AS x_m, ST_Y(s.geom) AS y_m, s.ground_elevation_m, near.ground_elevation_m AS there_m
FROM (
    SELECT geom, ground_elevation_m FROM staged_node
    WHERE ground_elevation_m IS NOT NULL AND abs(hashtext(source_key)::bigint) %% %(nth)s = 0
    LIMIT %(most)s
) AS s
CROSS JOIN LATERAL (
    SELECT n.ground_elevation_m FROM pipemap.node AS n
    WHERE ST_DWithin(n.geom, s.geom, 20) AND n.ground_elevation_m IS NOT NULL
    ORDER BY n.geom <-> s.geom
    LIMIT 1
) AS near
