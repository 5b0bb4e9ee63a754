-- name: lock_changeset
SELECT changeset_id, title, kind, state, base_version, author, reviewer, created_at, dataset_id
FROM pipemap.changeset WHERE changeset_id = %(changeset_id)s FOR UPDATE

-- name: list_changesets
SELECT c.changeset_id, c.title, c.kind, c.state, c.base_version, c.author, c.reviewer, c.created_at, c.checked_at,
       c.dataset_id, s.name AS dataset, c.reverts_changeset_id, v.version, c.counts AS row_counts,
       v.counts AS published_changes,
       (SELECT max(r.version) FROM pipemap.changeset undoing JOIN pipemap.version r USING (changeset_id)
        WHERE undoing.reverts_changeset_id = c.changeset_id) AS reverted_by_version
FROM pipemap.changeset c
LEFT JOIN pipemap.dataset s USING (dataset_id)
LEFT JOIN pipemap.version v USING (changeset_id)
WHERE (%(changeset_id)s::integer IS NULL OR c.changeset_id = %(changeset_id)s)
  AND (%(states)s::text[] IS NULL OR c.state = ANY(%(states)s))
  AND (%(author)s::text IS NULL OR c.author = %(author)s)
  AND (%(dataset)s::text IS NULL OR s.name = %(dataset)s)
ORDER BY c.changeset_id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_deltas
SELECT op, count(*) AS count FROM {delta} WHERE changeset_id = %(changeset_id)s GROUP BY op

-- name: delta_keys
SELECT {kind}::text AS kind, feature_id, source_key, op
FROM {delta} d
WHERE changeset_id = %(changeset_id)s
  AND (%(op)s::text IS NULL OR op = %(op)s)
  AND (%(class_code)s::text IS NULL OR {class_code} = %(class_code)s)

-- name: delta_states
SELECT d.feature_id, d.base_version,
       to_jsonb(d) - ARRAY['geom', 'op', 'base_version', 'changeset_id']
       || jsonb_build_object('geom', ST_AsGeoJSON(d.geom, 15)::jsonb) AS state
FROM {delta} d
WHERE d.changeset_id = %(changeset_id)s AND d.feature_id = ANY(%(feature_ids)s)

-- name: set_state
UPDATE pipemap.changeset SET state = %(state)s, reviewer = %(reviewer)s WHERE changeset_id = %(changeset_id)s

-- name: drop_deltas
DELETE FROM {delta} WHERE changeset_id = %(changeset_id)s

-- name: drop_changeset
WITH findings AS (DELETE FROM pipemap.finding WHERE changeset_id = %(changeset_id)s),
     waivers AS (DELETE FROM pipemap.waiver WHERE changeset_id = %(changeset_id)s)
DELETE FROM pipemap.changeset WHERE changeset_id = %(changeset_id)s

-- name: steps
-- What people did with a changeset, oldest first, as the staff's chain of the audit log has it.
SELECT at, action AS step, actor, details::jsonb - 'changeset_id' AS details
FROM pipemap.audit_log
WHERE chain = '' AND action = ANY(%(actions)s) AND details::jsonb ->> 'changeset_id' = %(changeset_id)s::text
ORDER BY seq

-- name: begun
SELECT title, kind, author, created_at, checked_at FROM pipemap.changeset WHERE changeset_id = %(changeset_id)s

-- name: edit_new
INSERT INTO {delta} ({state}, changeset_id, op, base_version)
SELECT {state_of_s}, %(changeset_id)s, 'insert', NULL
FROM jsonb_populate_record(NULL::{current}, %(values)s) s

-- name: edit_current
-- The current state with the given values laid over it.
INSERT INTO {delta} ({state}, changeset_id, op, base_version)
SELECT {state_of_s}, %(changeset_id)s, %(op)s, c.valid_from_version
FROM {current} c, jsonb_populate_record(c, %(values)s) s
WHERE c.feature_id = %(feature_id)s

-- name: undo
-- The inverse of what a version did to one kind: back to the states it ended, away with those it began.
INSERT INTO {delta} ({state}, changeset_id, op, base_version)
SELECT {state_of_h}, %(changeset_id)s, CASE WHEN s.feature_id IS NULL THEN 'insert' ELSE 'update' END,
       s.valid_from_version
FROM {history} h
LEFT JOIN (
    SELECT feature_id, valid_from_version FROM {current} WHERE valid_from_version = %(version)s
    UNION ALL
    SELECT feature_id, valid_from_version FROM {history} WHERE valid_from_version = %(version)s) s USING (feature_id)
WHERE h.valid_to_version = %(version)s
UNION ALL
SELECT {state_of_s}, %(changeset_id)s, 'delete', s.valid_from_version
FROM (SELECT {state}, valid_from_version FROM {current} WHERE valid_from_version = %(version)s
      UNION ALL
      SELECT {state}, valid_from_version FROM {history} WHERE valid_from_version = %(version)s) s
WHERE NOT EXISTS (
    SELECT FROM {history} h WHERE h.feature_id = s.feature_id AND h.valid_to_version = %(version)s)

-- name: count_unchanged
SELECT count(*) AS unchanged
FROM {current} c
WHERE c.dataset_id = %(dataset_id)s
  AND NOT EXISTS (SELECT FROM {delta} d WHERE d.changeset_id = %(changeset_id)s AND d.feature_id = c.feature_id)
