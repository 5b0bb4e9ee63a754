-- name: extent
-- Between the first and the last hundredth of the nodes in either direction; a large map is looked at by samples.
SELECT percentile_disc(0.01) WITHIN GROUP (ORDER BY ST_X(geom)) AS min_x,
       percentile_disc(0.01) WITHIN GROUP (ORDER BY ST_Y(geom)) AS min_y,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY ST_X(geom)) AS max_x,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY ST_Y(geom)) AS max_y
FROM pipemap.node TABLESAMPLE SYSTEM (
    (SELECT least(100.0, 100.0 * 200000 / greatest(reltuples, 1)) FROM pg_class WHERE oid = 'pipemap.node'::regclass)
)
