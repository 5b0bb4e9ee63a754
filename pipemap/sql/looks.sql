-- name: looks
-- What agencies did, newest first, each with the place it read, cut to its agreement's area; every filter may be null.
-- Under `feature_id` only reads whose answer can have held the feature: of its class, where it lay at the version that
-- was read, and on a page that its number falls into. `is_certain`: nothing else could have left it out.
WITH feature AS MATERIALIZED (
    SELECT 'node' AS kind, class_code, appurtenance_code IS NULL AS is_plain, geom,
           int4range(valid_from_version, NULL) AS life
    FROM pipemap.node WHERE feature_id = %(feature_id)s
    UNION ALL
    SELECT 'node', class_code, appurtenance_code IS NULL, geom, int4range(valid_from_version, valid_to_version)
    FROM pipemap.node_history WHERE feature_id = %(feature_id)s
    UNION ALL
    SELECT 'pipe_segment', class_code, true, geom, int4range(valid_from_version, NULL)
    FROM pipemap.pipe_segment WHERE feature_id = %(feature_id)s
    UNION ALL
    SELECT 'pipe_segment', class_code, true, geom, int4range(valid_from_version, valid_to_version)
    FROM pipemap.pipe_segment_history WHERE feature_id = %(feature_id)s
), entry AS (
    SELECT l.chain, l.seq, l.at, l.action, encode(l.hash, 'hex') AS hash, l.details::jsonb AS details
    FROM pipemap.audit_log AS l
    WHERE l.chain <> ''
      AND (%(agency)s::text IS NULL OR l.chain = %(agency)s)
      AND (%(action)s::text IS NULL OR l.action = %(action)s)
      AND (%(since)s::timestamptz IS NULL OR l.at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR l.at < %(until)s)
), placed AS (
    SELECT
        e.*, a.area, a.class_codes, a.purpose, a.position_precision = 'exact' AS is_exact,
        CASE
            WHEN box.corners IS NULL THEN NULL
            WHEN box.srid = project.srid THEN box.geom
            ELSE ST_Transform(box.geom, project.srid)
        END AS wanted
    FROM entry AS e
    CROSS JOIN pipemap.project
    LEFT JOIN pipemap.agreement AS a ON a.agreement_id = (e.details ->> 'agreement_id')::int
    CROSS JOIN LATERAL (
        SELECT
            c.corners, c.srid,
            ST_Segmentize(ST_MakeEnvelope(
                (c.corners ->> 0)::float8, (c.corners ->> 1)::float8, (c.corners ->> 2)::float8,
                (c.corners ->> 3)::float8, c.srid
            ), greatest(
                (c.corners ->> 2)::float8 - (c.corners ->> 0)::float8,
                (c.corners ->> 3)::float8 - (c.corners ->> 1)::float8, 1e-6
            ) / 32) AS geom
        FROM (
            SELECT
                CASE WHEN e.action <> 'share.refused' AND jsonb_typeof(e.details -> 'bbox') = 'array'
                     THEN e.details -> 'bbox' END AS corners,
                coalesce((e.details ->> 'bbox_srid')::int, project.srid) AS srid
        ) AS c
    ) AS box
)
SELECT
    p.chain AS agency, p.seq, p.at, p.action, p.hash, p.details, p.class_codes,
    coalesce(p.details ->> 'purpose', p.purpose) AS purpose,
    ST_AsBinary(coalesce(ST_Intersection(p.wanted, p.area), p.area)) AS place,
    coalesce(
        f.is_plain AND p.is_exact
        AND (p.action = 'share.export' OR p.action = 'share.items' AND p.details -> 'values' = 'null'), false
    ) AS is_certain
FROM placed AS p
LEFT JOIN feature AS f
    ON f.class_code = ANY (p.class_codes)
    AND p.action <> 'share.refused'
    AND f.life @> (p.details ->> 'version')::int
    AND ST_Intersects(f.geom, p.area)
    AND (p.wanted IS NULL OR ST_Intersects(f.geom, p.wanted))
    AND coalesce(p.details ->> 'kind', f.kind) = f.kind
    AND coalesce((p.details ->> 'feature_id')::bigint, %(feature_id)s) = %(feature_id)s
    AND coalesce((p.details ->> 'after')::bigint, 0) < %(feature_id)s
    AND coalesce((p.details ->> 'last')::bigint, %(feature_id)s) >= %(feature_id)s
    AND coalesce((p.details ->> 'count')::bigint, 1) > 0
WHERE (%(class_code)s::text IS NULL OR %(class_code)s = ANY (p.class_codes))
  AND (%(feature_id)s::bigint IS NULL OR f.kind IS NOT NULL)
ORDER BY p.at DESC, p.chain, p.seq DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: agencies
-- Whose looks there are.
SELECT chain AS agency, seq AS entries FROM pipemap.audit_head WHERE chain <> '' ORDER BY chain
