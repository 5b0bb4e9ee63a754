-- name: nodes
-- Nodes of a run with what a profile shows of them.
SELECT feature_id, source_key, feature_code, appurtenance_code, ground_elevation_m, well_depth_m::float8, vertical_accuracy_m::float8
FROM {nodes} WHERE feature_id = ANY(%(node_ids)s)
