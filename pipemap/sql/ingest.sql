-- name: add_dataset
INSERT INTO pipemap.dataset (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING

-- name: dataset_id
SELECT dataset_id FROM pipemap.dataset WHERE name = %(name)s

-- name: dataset_names
SELECT name FROM pipemap.dataset ORDER BY name

-- name: add_source_file
INSERT INTO pipemap.source_file (name, sha256, importer, profile)
VALUES (%(name)s, %(sha256)s, %(importer)s, %(profile)s)
ON CONFLICT (name, sha256, importer, profile) DO NOTHING

-- name: tell_columns
-- Which columns a file's attributes were read from: as it was read last.
UPDATE pipemap.source_file SET columns = %(columns)s
WHERE source_file_id = %(source_file_id)s AND columns IS DISTINCT FROM %(columns)s

-- name: source_file_id
SELECT source_file_id FROM pipemap.source_file
WHERE (name, sha256, importer, profile) = (%(name)s, %(sha256)s, %(importer)s, %(profile)s)

-- name: holds_features
-- Whether the map holds anything of a dataset.
SELECT EXISTS (SELECT FROM pipemap.node WHERE dataset_id = %(dataset_id)s)
    OR EXISTS (SELECT FROM pipemap.pipe_segment WHERE dataset_id = %(dataset_id)s)
    OR EXISTS (SELECT FROM pipemap.consumer WHERE dataset_id = %(dataset_id)s)
    OR EXISTS (SELECT FROM pipemap.structure WHERE dataset_id = %(dataset_id)s) AS holds_features

-- name: new_feature_ids
-- So many fresh identities in one value, eight bytes each, most significant first.
SELECT string_agg(int8send(nextval('pipemap.feature_id_seq')), '') AS ids FROM generate_series(1, %(count)s)

-- name: nodes_as_staged
CREATE TEMP VIEW staged_node AS SELECT * FROM pipemap.node_delta WHERE changeset_id = {changeset_id}

-- name: stage
-- An empty copy of what a delivery says about one kind, ends named by key.
CREATE TEMP TABLE {staged} ON COMMIT DROP AS
SELECT {delivered} {keys} FROM {current} WITH NO DATA

-- name: stage_node_keys
CREATE TEMP TABLE node_key (source_key text NOT NULL, feature_id bigint NOT NULL) ON COMMIT DROP

-- name: fill_node_keys
-- The dataset's nodes as they will be: those this changeset adds or changes and the current ones it leaves alone.
INSERT INTO node_key
SELECT source_key, feature_id FROM pipemap.node_delta
WHERE changeset_id = %(changeset_id)s AND op <> 'delete'
UNION ALL
SELECT n.source_key, n.feature_id FROM pipemap.node n
WHERE n.dataset_id = %(dataset_id)s AND NOT EXISTS (
    SELECT FROM pipemap.node_delta d
    WHERE d.changeset_id = %(changeset_id)s AND d.feature_id = n.feature_id)

-- name: keep_undelivered
-- A part of a delivery series adds to what the map knows; it does not take away what it has no word for.
UPDATE {staged} s
SET {kept} extra = nullif(coalesce(c.extra, '{{}}') || coalesce(s.extra, '{{}}'), '{{}}')
FROM {current} c, {keyed} k
WHERE c.dataset_id = %(dataset_id)s AND k.source_key = s.source_key AND c.source_key = k.held_key

-- name: linked_pipe_segment
(SELECT staged.*, f.feature_id AS from_node_id, t.feature_id AS to_node_id
 FROM staged_pipe_segment staged
 JOIN node_key f ON f.source_key = staged.from_key
 JOIN node_key t ON t.source_key = staged.to_key)

-- name: linked_consumer
(SELECT staged.*, n.feature_id AS node_id
 FROM staged_consumer staged
 LEFT JOIN node_key n ON n.source_key = staged.node_key)

-- name: add_changes
-- New and changed features, in Hilbert order so that neighbours lie in the same blocks.
INSERT INTO {delta} (feature_id, dataset_id, {delivered}, {kept} changeset_id, op, base_version)
SELECT coalesce(c.feature_id, nextval('pipemap.feature_id_seq')), %(dataset_id)s, {delivered_of_s}, {kept_of_c}
       %(changeset_id)s, CASE WHEN c.feature_id IS NULL THEN 'insert' ELSE 'update' END, c.valid_from_version
FROM {linked} s
LEFT JOIN {current} c ON c.dataset_id = %(dataset_id)s AND c.source_key = s.held_key
WHERE c.feature_id IS NULL OR {changed}
ORDER BY s.geom

-- name: add_deletions
-- What the delivery no longer holds; a row that was refused is still in the delivery, however badly written.
INSERT INTO {delta} ({state}, changeset_id, op, base_version)
SELECT {state_of_c}, %(changeset_id)s, 'delete', c.valid_from_version
FROM {current} c
LEFT JOIN {staged} s ON s.source_key = c.source_key
LEFT JOIN {held} other ON other.source_key = c.source_key
LEFT JOIN {held} taken ON taken.held_key = c.source_key
WHERE c.dataset_id = %(dataset_id)s
  AND (s.source_key IS NULL OR other.source_key IS NOT NULL)
  AND taken.source_key IS NULL
  AND c.source_key <> ALL(%(refused)s)
  {within}

-- name: within
-- Only what lies wholly in the area that the delivery declares; what straddles its edge stays.
AND ST_CoveredBy(c.geom, %(extent)s::geometry)

-- name: within_node
-- A point in the area stays while a line that leaves the area ends at it.
AND ST_CoveredBy(c.geom, %(extent)s::geometry)
AND NOT EXISTS (
    SELECT FROM pipemap.pipe_segment line
    WHERE (line.from_node_id = c.feature_id OR line.to_node_id = c.feature_id)
      AND NOT ST_CoveredBy(line.geom, %(extent)s::geometry))

-- name: removed
-- How many features of each class the dataset holds, and how many of them this changeset takes away.
SELECT {class_code} AS class_code, count(*) AS held, count(d.feature_id) AS removed
FROM {current} c
LEFT JOIN {delta} d
  ON d.changeset_id = %(changeset_id)s AND d.op = 'delete' AND d.feature_id = c.feature_id
WHERE c.dataset_id = %(dataset_id)s
GROUP BY 1

-- name: count_updates
-- Of how many features that an open changeset modifies each of some things holds.
SELECT {counts}
FROM {delta} d JOIN {current} c USING (feature_id)
WHERE d.changeset_id = %(changeset_id)s AND d.op = 'update'

-- name: segments_without_nodes
SELECT s.source_key, s.class_code, s.source_file_id, s.source_sheet, s.source_row,
       CASE WHEN f.feature_id IS NULL THEN s.from_key ELSE s.to_key END AS missing_key,
       ST_X(ST_StartPoint(s.geom)) AS x_m, ST_Y(ST_StartPoint(s.geom)) AS y_m
FROM staged_pipe_segment s
LEFT JOIN node_key f ON f.source_key = s.from_key
LEFT JOIN node_key t ON t.source_key = s.to_key
WHERE f.feature_id IS NULL OR t.feature_id IS NULL
ORDER BY s.source_file_id, s.source_sheet, s.source_row

-- name: consumers_without_node
SELECT s.source_key, s.class_code, s.source_file_id, s.source_sheet, s.source_row,
       s.node_key AS missing_key, ST_X(s.geom) AS x_m, ST_Y(s.geom) AS y_m
FROM staged_consumer s
LEFT JOIN node_key n ON n.source_key = s.node_key
WHERE s.node_key IS NOT NULL AND n.feature_id IS NULL
ORDER BY s.source_file_id, s.source_sheet, s.source_row

-- name: add_changeset
INSERT INTO pipemap.changeset (title, kind, base_version, author, dataset_id, reverts_changeset_id, delivery_job_id)
VALUES (%(title)s, %(kind)s, (SELECT coalesce(max(version), 0) FROM pipemap.version),
        %(author)s, %(dataset_id)s, %(reverts_changeset_id)s, %(delivery_job_id)s)
RETURNING changeset_id

-- name: left_by
SELECT xmin::text AS left_by FROM pipemap.changeset WHERE changeset_id = %(changeset_id)s

-- name: set_row_counts
UPDATE pipemap.changeset SET counts = %(counts)s WHERE changeset_id = %(changeset_id)s
