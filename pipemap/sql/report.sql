-- name: touched_segments
SELECT feature_id, source_key, class_code, op AS change, ST_AsBinary(geom) AS geom
FROM pipemap.pipe_segment_delta WHERE changeset_id = %(changeset_id)s
UNION ALL
SELECT feature_id, source_key, class_code, 'published', ST_AsBinary(geom)
FROM pipemap.pipe_segment JOIN pipemap.version ON version = valid_from_version
WHERE changeset_id = %(changeset_id)s
ORDER BY feature_id

-- name: touched_nodes
SELECT feature_id, source_key, class_code, op AS change, ST_AsBinary(geom) AS geom
FROM pipemap.node_delta WHERE changeset_id = %(changeset_id)s
UNION ALL
SELECT feature_id, source_key, class_code, 'published', ST_AsBinary(geom)
FROM pipemap.node JOIN pipemap.version ON version = valid_from_version
WHERE changeset_id = %(changeset_id)s
ORDER BY feature_id
