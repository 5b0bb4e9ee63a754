-- name: stage
-- Delivered segments that name the line they lie in.
CREATE TEMP TABLE contained (
    source_key text PRIMARY KEY, container_key text NOT NULL, source_file_id integer, source_sheet text,
    source_row integer, container_id bigint
) ON COMMIT DROP

-- name: resolve_in_delivery
UPDATE contained k SET container_id = d.feature_id
FROM {delta} d
WHERE d.changeset_id = %(changeset_id)s AND d.op <> 'delete'
  AND d.source_key = k.container_key AND k.container_key <> k.source_key

-- name: resolve_on_map
-- What the changeset leaves alone of the dataset.
UPDATE contained k SET container_id = c.feature_id
FROM {current} c
WHERE k.container_id IS NULL AND c.dataset_id = %(dataset_id)s
  AND c.source_key = k.container_key AND k.container_key <> k.source_key
  AND NOT EXISTS (
    SELECT FROM {delta} d WHERE d.changeset_id = %(changeset_id)s AND d.feature_id = c.feature_id)

-- name: resolve_elsewhere
-- A key that just one other dataset holds.
UPDATE contained k SET container_id = found.feature_id
FROM (
    SELECT key.container_key, min(c.feature_id) AS feature_id
    FROM (SELECT DISTINCT container_key FROM contained WHERE container_id IS NULL) AS key
    CROSS JOIN pipemap.dataset AS other
    JOIN {current} c ON c.dataset_id = other.dataset_id AND c.source_key = key.container_key
    WHERE other.dataset_id <> %(dataset_id)s
    GROUP BY key.container_key
    HAVING count(*) = 1
) AS found
WHERE k.container_id IS NULL AND found.container_key = k.container_key AND k.container_key <> k.source_key

-- name: add_changed
-- Segments in which the delivery changes nothing else.
INSERT INTO {delta} ({state}, changeset_id, op, base_version)
SELECT {state_of_c}, %(changeset_id)s, 'update', c.valid_from_version
FROM staged_pipe_segment s
JOIN {current} c ON c.dataset_id = %(dataset_id)s AND c.source_key = s.source_key
LEFT JOIN contained k ON k.source_key = s.source_key
WHERE (k.source_key IS NULL AND c.container_id IS NOT NULL
       OR k.container_id IS NOT NULL AND c.container_id IS DISTINCT FROM k.container_id)
  AND NOT EXISTS (
    SELECT FROM {delta} d WHERE d.changeset_id = %(changeset_id)s AND d.feature_id = c.feature_id)

-- name: clear
UPDATE {delta} d SET container_id = NULL
WHERE d.changeset_id = %(changeset_id)s AND d.op <> 'delete' AND d.container_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM contained k WHERE k.source_key = d.source_key)

-- name: set
UPDATE {delta} d
SET container_id = k.container_id, source_file_id = k.source_file_id, source_sheet = k.source_sheet,
    source_row = k.source_row
FROM contained k
WHERE d.changeset_id = %(changeset_id)s AND d.op <> 'delete'
  AND d.source_key = k.source_key AND k.container_id IS NOT NULL

-- name: unresolved
SELECT source_key, container_key, source_file_id, source_sheet, source_row
FROM contained
WHERE container_id IS NULL
ORDER BY source_file_id, source_sheet, source_row
