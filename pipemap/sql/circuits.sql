-- name: cables
-- Live cable segments with what their circuit column says, and whatever lies inside another segment.
SELECT feature_id, circuit, container_id
FROM {segments} AS segment
WHERE (container_id IS NOT NULL OR (circuit IS NOT NULL AND class_code = ANY(%(cables)s)))
  AND (lifecycle_code IS NULL OR lifecycle_code = ANY(%(active)s))

-- name: hit
-- What is told of segments that were cut or lie inside what was cut.
SELECT feature_id AS segment_id, source_key, class_code, owner, circuit, container_id, cable_count
FROM {segments} AS segment
WHERE feature_id = ANY(%(ids)s)
ORDER BY feature_id
