-- name: needed
-- Pairs of precision classes that agreements in force have, but the map itself.
SELECT DISTINCT position_precision, depth_precision
FROM pipemap.agreement
WHERE revoked_at IS NULL AND expires_at > now()
  AND (position_precision <> 'exact' OR depth_precision <> 'exact')
ORDER BY 1, 2

-- name: shift_mark
-- Of the secret that the map is shifted by; no row when it is not.
SELECT key_mark FROM pipemap.desensitised_store WHERE position_precision = 'shifted' LIMIT 1

-- name: add_store
INSERT INTO pipemap.desensitised_store (position_precision, depth_precision, key_mark, version)
VALUES (%(position)s, %(depth)s, %(key_mark)s, -1)
ON CONFLICT DO NOTHING

-- name: lock_store
SELECT store_id, version FROM pipemap.desensitised_store
WHERE position_precision = %(position)s AND depth_precision = %(depth)s
FOR UPDATE

-- name: changed_geometries
-- States that began after the store was last made, up to a version; one that a store has already is not among them.
SELECT feature_id, valid_from_version, ST_AsEWKB(geom) AS geom
FROM ({states}) AS s

-- name: states
SELECT {columns}, valid_from_version, NULL::integer AS valid_to_version FROM {current}
WHERE valid_from_version > %(made)s AND valid_from_version <= %(version)s
UNION ALL
SELECT {columns}, valid_from_version, CASE WHEN valid_to_version <= %(version)s THEN valid_to_version END FROM {history}
WHERE valid_from_version > %(made)s AND valid_from_version <= %(version)s

-- name: close_states
UPDATE {store} AS d SET valid_to_version = h.valid_to_version
FROM {history} AS h
WHERE h.valid_to_version > %(made)s AND h.valid_to_version <= %(version)s AND h.valid_from_version <= %(made)s
  AND d.store_id = %(store_id)s AND d.feature_id = h.feature_id AND d.valid_from_version = h.valid_from_version

-- name: make_moved
CREATE TEMPORARY TABLE moved (
    feature_id bigint, valid_from_version integer, geom geometry, PRIMARY KEY (feature_id, valid_from_version)
) ON COMMIT DROP

-- name: fill_store
INSERT INTO {store} (store_id, {columns}, valid_from_version, valid_to_version)
SELECT %(store_id)s, {shown}, s.valid_from_version, s.valid_to_version
FROM ({states}) AS s
JOIN moved AS m USING (feature_id, valid_from_version)

-- name: set_version
UPDATE pipemap.desensitised_store SET version = %(version)s WHERE store_id = %(store_id)s

-- name: stores
SELECT store_id, position_precision, depth_precision, version,
       (SELECT coalesce(max(v.version), 0) FROM pipemap.version AS v) AS newest_version
FROM pipemap.desensitised_store
ORDER BY store_id
