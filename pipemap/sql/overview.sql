-- name: extent
-- Box around every node, in the project CRS; null when there is none.
SELECT ST_XMin(box) AS minx, ST_YMin(box) AS miny, ST_XMax(box) AS maxx, ST_YMax(box) AS maxy
FROM (SELECT ST_Extent(geom) AS box FROM pipemap.node) AS nodes

-- name: classes
-- Segments of each class: how many, and how long in all along the axis.
SELECT class_code, count(*) AS segment_count, sum(ST_3DLength(geom)) AS length_m
FROM pipemap.pipe_segment
GROUP BY class_code
