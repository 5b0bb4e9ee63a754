-- name: stage_renumbered
CREATE TEMP TABLE renumbered (old_id bigint PRIMARY KEY, new_id bigint NOT NULL) ON COMMIT DROP

-- name: find_renumbered
-- Features that both the map and the changeset have added under one key are one feature: the map's.
INSERT INTO renumbered
SELECT d.feature_id, c.feature_id
FROM {delta} d
JOIN {current} c ON c.dataset_id = d.dataset_id AND c.source_key = d.source_key AND c.feature_id <> d.feature_id
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'insert'
  AND NOT EXISTS (
      SELECT FROM {delta} own WHERE own.changeset_id = %(changeset_id)s AND own.feature_id = c.feature_id)

-- name: renumber
UPDATE {delta} d SET feature_id = r.new_id
FROM renumbered r
WHERE d.changeset_id = %(changeset_id)s AND d.feature_id = r.old_id

-- name: renumber_link
UPDATE {delta} d SET {link} = r.new_id
FROM renumbered r
WHERE d.changeset_id = %(changeset_id)s AND d.{link} = r.old_id

-- name: merge
-- Three-way merge of the deltas whose feature the map has changed: base b, map c, changeset d.
--   d = b            the map's value
--   c = b            the changeset's value
--   c = d            either
--   all different    a clash, unless one side is preferred
CREATE TEMP TABLE {merged} ON COMMIT DROP AS
SELECT c.feature_id, c.valid_from_version, {values}, array_remove(ARRAY[{clashes}]::text[], NULL) AS clashes
FROM {delta} d
JOIN {current} c USING (feature_id)
LEFT JOIN (
    SELECT {state}, valid_from_version FROM {current}
    UNION ALL
    SELECT {state}, valid_from_version FROM {history}) b
  ON b.feature_id = d.feature_id AND b.valid_from_version = d.base_version
WHERE d.changeset_id = {changeset_id} AND d.op <> 'delete' AND c.valid_from_version IS DISTINCT FROM d.base_version

-- name: clashes
SELECT feature_id, clashes FROM {merged} WHERE clashes <> ARRAY[]::text[]

-- name: settled
-- What stays of either side in the features that merge without a clash.
SELECT d.feature_id, d.source_key, array_remove(ARRAY[{mine}]::text[], NULL) AS mine,
       array_remove(ARRAY[{map}]::text[], NULL) AS map
FROM {merged} m
JOIN {delta} d USING (feature_id)
JOIN {current} c USING (feature_id)
WHERE d.changeset_id = %(changeset_id)s AND m.clashes = ARRAY[]::text[]
ORDER BY d.feature_id

-- name: take_merged
UPDATE {delta} d SET ({content}) = ROW({content_of_m}), op = 'update', base_version = m.valid_from_version
FROM {merged} m
WHERE d.changeset_id = %(changeset_id)s AND d.feature_id = m.feature_id AND m.clashes = ARRAY[]::text[]

-- name: drop_unchanging
DELETE FROM {delta} d USING {current} c
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'update' AND c.feature_id = d.feature_id AND NOT ({changed})

-- name: drop_done_deletions
DELETE FROM {delta} d
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'delete'
  AND NOT EXISTS (SELECT FROM {current} c WHERE c.feature_id = d.feature_id)
RETURNING d.feature_id, d.source_key

-- name: mine_delete
-- The deletion stands although the map has changed the feature.
UPDATE {delta} d SET ({state}) = ROW({state_of_c}), base_version = c.valid_from_version
FROM {current} c
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'delete' AND c.feature_id = d.feature_id
  AND c.valid_from_version <> d.base_version
RETURNING d.feature_id, d.source_key

-- name: mine_update
-- The feature comes back although the map has deleted it.
UPDATE {delta} d SET op = 'insert', base_version = NULL
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'update'
  AND NOT EXISTS (SELECT FROM {current} c WHERE c.feature_id = d.feature_id)
RETURNING d.feature_id, d.source_key

-- name: map_delete
DELETE FROM {delta} d USING {current} c
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'delete' AND c.feature_id = d.feature_id
  AND c.valid_from_version <> d.base_version
RETURNING d.feature_id, d.source_key

-- name: map_update
DELETE FROM {delta} d
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'update'
  AND NOT EXISTS (SELECT FROM {current} c WHERE c.feature_id = d.feature_id)
RETURNING d.feature_id, d.source_key

-- name: reopen
UPDATE pipemap.changeset
SET state = 'draft', reviewer = NULL, checked_at = NULL,
    base_version = CASE WHEN %(is_clean)s THEN %(version)s ELSE base_version END
WHERE changeset_id = %(changeset_id)s
