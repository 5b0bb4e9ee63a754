-- name: nodes
SELECT f.*, ST_X(f.geom) AS x_m, ST_Y(f.geom) AS y_m
FROM {node} f
WHERE f.dataset_id = %(dataset_id)s
ORDER BY length(f.source_key), f.source_key

-- name: segments
-- Parallel lines of two points come in the order of their numbers.
SELECT f.*, a.source_key AS from_key, b.source_key AS to_key, container.source_key AS container_key,
       ST_NPoints(f.geom) > 2 AS is_bent
FROM {pipe_segment} f
JOIN {node} a ON a.feature_id = f.from_node_id
JOIN {node} b ON b.feature_id = f.to_node_id
LEFT JOIN {pipe_segment} container ON container.feature_id = f.container_id
WHERE f.dataset_id = %(dataset_id)s
ORDER BY length(f.source_key), f.source_key

-- name: consumers
SELECT f.*, n.source_key AS node_key, ST_X(f.geom) AS x_m, ST_Y(f.geom) AS y_m
FROM {consumer} f
LEFT JOIN {node} n ON n.feature_id = f.node_id
WHERE f.dataset_id = %(dataset_id)s
ORDER BY length(f.source_key), f.source_key

-- name: count_structures
SELECT count(*) AS structures FROM {structure} WHERE dataset_id = %(dataset_id)s
