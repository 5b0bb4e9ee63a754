-- name: node_place
-- Where a node of the live map is in plan, and of which class it is.
SELECT ST_X(geom) AS x_m, ST_Y(geom) AS y_m, class_code FROM pipemap.node WHERE feature_id = %(node_id)s
