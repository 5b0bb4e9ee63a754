-- name: add_waiver
INSERT INTO pipemap.waiver (changeset_id, rule, reason, waived_by)
VALUES (%(changeset_id)s, %(rule)s, %(reason)s, %(waived_by)s)
ON CONFLICT (changeset_id, rule) DO UPDATE SET reason = excluded.reason, waived_by = excluded.waived_by

-- name: conflicts
-- Touched features that are no longer as they were when the delta was made.
SELECT d.feature_id, d.source_key, CASE WHEN c.feature_id IS NULL THEN 'deleted' ELSE 'changed' END AS reason
FROM {delta} d
LEFT JOIN {current} c USING (feature_id)
WHERE d.changeset_id = %(changeset_id)s AND d.op <> 'insert' AND c.valid_from_version IS DISTINCT FROM d.base_version
UNION ALL
SELECT d.feature_id, d.source_key, 'exists'
FROM {delta} d
JOIN {current} c USING (feature_id)
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'insert'
UNION ALL
SELECT d.feature_id, d.source_key, 'key taken'
FROM {delta} d
JOIN {current} c ON c.dataset_id = d.dataset_id AND c.source_key = d.source_key AND c.feature_id <> d.feature_id
WHERE d.changeset_id = %(changeset_id)s AND d.op <> 'delete'
  AND NOT EXISTS (
      SELECT FROM {delta} own WHERE own.changeset_id = %(changeset_id)s AND own.feature_id = c.feature_id)
ORDER BY 1

-- name: close_states
WITH closed AS (
    DELETE FROM {current} c USING {delta} d
    WHERE d.changeset_id = %(changeset_id)s AND d.op <> 'insert' AND c.feature_id = d.feature_id
    RETURNING {state_of_c}, c.valid_from_version)
INSERT INTO {history} ({state}, valid_from_version, valid_to_version)
SELECT {state}, valid_from_version, %(version)s FROM closed ORDER BY geom

-- name: open_states
-- In Hilbert order, so that a first bulk load leaves neighbours in the same blocks.
INSERT INTO {current} ({state}, valid_from_version)
SELECT {state_of_d}, %(version)s
FROM {delta} d
WHERE d.changeset_id = %(changeset_id)s AND d.op <> 'delete'
ORDER BY d.geom

-- name: dangling
-- Features that the version just written leaves referring to a node that is not there.
WITH gone AS (
    SELECT h.feature_id FROM pipemap.node_history h
    WHERE h.valid_to_version = %(version)s
      AND NOT EXISTS (SELECT FROM pipemap.node n WHERE n.feature_id = h.feature_id)),
touched AS (
    SELECT 'pipe_segment' AS kind, s.feature_id, s.source_key
    FROM pipemap.pipe_segment s
    WHERE s.valid_from_version = %(version)s
      AND (NOT EXISTS (SELECT FROM pipemap.node n WHERE n.feature_id = s.from_node_id)
           OR NOT EXISTS (SELECT FROM pipemap.node n WHERE n.feature_id = s.to_node_id))
    UNION
    SELECT 'consumer', c.feature_id, c.source_key
    FROM pipemap.consumer c
    WHERE c.valid_from_version = %(version)s AND c.node_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM pipemap.node n WHERE n.feature_id = c.node_id)
    UNION
    SELECT 'pipe_segment', s.feature_id, s.source_key
    FROM gone JOIN pipemap.pipe_segment s ON s.from_node_id = gone.feature_id
    UNION
    SELECT 'pipe_segment', s.feature_id, s.source_key
    FROM gone JOIN pipemap.pipe_segment s ON s.to_node_id = gone.feature_id
    UNION
    SELECT 'consumer', c.feature_id, c.source_key
    FROM gone JOIN pipemap.consumer c ON c.node_id = gone.feature_id)
SELECT kind, feature_id, source_key, 'node missing' AS reason FROM touched ORDER BY feature_id

-- name: add_version
INSERT INTO pipemap.version (version, changeset_id, author, message, counts)
VALUES (%(version)s, %(changeset_id)s, %(author)s, %(message)s, %(counts)s)

-- name: version_of
SELECT version FROM pipemap.version WHERE changeset_id = %(changeset_id)s

-- name: announce
SELECT pg_notify('pipemap_version', %(version)s::text)

-- name: audit
SELECT pipemap_app.audit(%(actor)s::text, 'publish', %(details)s::jsonb)

-- name: plain_indexes
-- Indexes that no constraint needs, with the statements that make them again.
SELECT n.nspname AS schema_name, i.relname AS index_name, pg_get_indexdef(i.oid) AS definition
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE x.indrelid = %(table)s::regclass AND NOT x.indisunique
