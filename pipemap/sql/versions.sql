-- name: current_version
SELECT coalesce(max(version), 0) AS version FROM pipemap.version

-- name: version_before
SELECT max(version) AS version FROM pipemap.version WHERE published_at <= %(moment)s

-- name: version_on
SELECT max(version) AS version FROM pipemap.version WHERE published_at < %(day)s::date + 1

-- name: log
SELECT v.version, v.published_at, v.author, v.message, v.counts, v.changeset_id, c.title, c.kind, d.name AS dataset,
       c.reverts_changeset_id,
       (SELECT max(r.version) FROM pipemap.changeset undoing JOIN pipemap.version r USING (changeset_id)
        WHERE undoing.reverts_changeset_id = v.changeset_id) AS reverted_by_version,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('rule', w.rule, 'reason', w.reason) ORDER BY w.rule), '[]')
        FROM pipemap.waiver w WHERE w.changeset_id = v.changeset_id) AS waivers
FROM pipemap.version v
LEFT JOIN pipemap.changeset c USING (changeset_id)
LEFT JOIN pipemap.dataset d USING (dataset_id)
WHERE %(author)s::text IS NULL OR v.author = %(author)s
ORDER BY v.version DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: diff_keys
-- Features of one kind whose state at {high} is not that at {low}, and the versions both states
-- began with. Only rows that began or ended in between are read, through the version indexes:
-- a touched feature's state at {low} ended in between, its state at {high} began in between.
SELECT {kind}::text AS kind, feature_id, coalesce(h.source_key, l.source_key) AS source_key,
       CASE WHEN l.feature_id IS NULL THEN 'insert' WHEN h.feature_id IS NULL THEN 'delete' ELSE 'update' END AS op,
       l.valid_from_version AS low_from, h.valid_from_version AS high_from
FROM (SELECT {state}, valid_from_version FROM {history}
      WHERE valid_to_version > {low} AND valid_to_version <= {high} AND valid_from_version <= {low}) l
FULL JOIN (
      SELECT {state}, valid_from_version FROM {current}
      WHERE valid_from_version > {low} AND valid_from_version <= {high}
      UNION ALL
      SELECT {state}, valid_from_version FROM {history}
      WHERE valid_from_version > {low} AND valid_from_version <= {high} AND valid_to_version > {high}) h
USING (feature_id)
WHERE ({changed})
  AND ({box}::geometry IS NULL OR l.geom && {box}::geometry OR h.geom && {box}::geometry)
  AND ({wanted_class}::text IS NULL OR {wanted_class} IN ({class_of_l}, {class_of_h}))

-- name: states
-- States by feature and the version they began with, as JSON with the geometry as GeoJSON.
SELECT feature_id, valid_from_version, valid_to_version,
       to_jsonb(s) - ARRAY['geom', 'valid_from_version', 'valid_to_version']
       || jsonb_build_object('geom', ST_AsGeoJSON(geom, 15)::jsonb) AS state
FROM (SELECT {state}, valid_from_version, NULL::integer AS valid_to_version FROM {current}
      UNION ALL
      SELECT {state}, valid_from_version, valid_to_version FROM {history}) s
WHERE feature_id = ANY(%(feature_ids)s)
ORDER BY feature_id, valid_from_version

-- name: version_rows
SELECT version, published_at, author, message FROM pipemap.version WHERE version = ANY(%(versions)s)

-- name: feature_by_key
SELECT DISTINCT {kind}::text AS kind, s.feature_id, d.name AS dataset
FROM (SELECT feature_id, dataset_id, source_key FROM {current}
      UNION ALL
      SELECT feature_id, dataset_id, source_key FROM {history}) s
JOIN pipemap.dataset d USING (dataset_id)
WHERE s.source_key = %(source_key)s AND (%(dataset)s::text IS NULL OR d.name = %(dataset)s)
