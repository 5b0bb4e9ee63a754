-- name: lock_changeset
SELECT changeset_id, title, kind, state, base_version, author, reviewer, dataset_id
FROM pipemap.changeset WHERE changeset_id = %(changeset_id)s FOR UPDATE

-- name: list_changesets
SELECT c.changeset_id, c.title, c.kind, c.state, c.base_version, c.author, c.reviewer, c.created_at, c.checked_at,
       c.dataset_id, s.name AS dataset, c.reverts_changeset_id, v.version, c.counts AS row_counts,
       v.counts AS published_changes
FROM pipemap.changeset c
LEFT JOIN pipemap.dataset s USING (dataset_id)
LEFT JOIN pipemap.version v USING (changeset_id)
WHERE (%(changeset_id)s::integer IS NULL OR c.changeset_id = %(changeset_id)s)
  AND (%(state)s::text IS NULL OR c.state = %(state)s)
  AND (%(author)s::text IS NULL OR c.author = %(author)s)
  AND (%(dataset)s::text IS NULL OR s.name = %(dataset)s)
ORDER BY c.changeset_id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_deltas
SELECT op, count(*) AS count FROM {delta} WHERE changeset_id = %(changeset_id)s GROUP BY op

-- name: delta_keys
SELECT {kind}::text AS kind, feature_id, source_key, op
FROM {delta}
WHERE changeset_id = %(changeset_id)s AND (%(op)s::text IS NULL OR op = %(op)s)

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
