-- name: touched
-- Features of a kind that a publish after one version and up to another touched, by identity; read through the version
-- indexes. The agreement's area counts; null where places are shown displaced.
SELECT DISTINCT t.feature_id
FROM (
    SELECT feature_id, geom FROM {current}
    WHERE valid_from_version > %(since)s AND valid_from_version <= %(version)s
    UNION ALL
    SELECT feature_id, geom FROM {history}
    WHERE valid_from_version > %(since)s AND valid_from_version <= %(version)s
    UNION ALL
    SELECT feature_id, geom FROM {history}
    WHERE valid_to_version > %(since)s AND valid_to_version <= %(version)s
) AS t
WHERE t.feature_id > %(after)s
  AND (
      %(agreement_id)s::int IS NULL
      OR t.geom && (SELECT area FROM pipemap.agreement WHERE agreement_id = %(agreement_id)s)
  )
ORDER BY t.feature_id
LIMIT %(limit)s

-- name: shown
-- Features of a kind that the view shows, by identity.
SELECT v.feature_id FROM {relation} AS v WHERE v.feature_id > %(after)s ORDER BY v.feature_id LIMIT %(limit)s

-- name: features
-- What the view shows of some features, as GeoJSON text.
SELECT
    f.feature_id,
    '{{"type":"Feature","id":' || f.feature_id
    || ',"geometry":' || ST_AsGeoJSON({geometry}, %(digits)s, 0)
    || ',"properties":' || row_to_json(p)::text || '}}' AS feature
FROM {relation} AS f
CROSS JOIN LATERAL (SELECT {properties}) AS p
WHERE f.feature_id = ANY(%(feature_ids)s)
