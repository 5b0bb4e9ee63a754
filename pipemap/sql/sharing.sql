-- name: add_agreement
-- The new agreement's number; the area is given as WKB in the project CRS.
INSERT INTO pipemap.agreement (
    agency, purpose, area, class_codes, attributes, expires_at, position_precision, depth_precision, frozen_version,
    may_export, sites_telephone, requests_per_minute, concurrent_requests, written_by, approved_by, approved_at
)
VALUES (
    %(agency)s, %(purpose)s,
    ST_Multi(ST_SetSRID(ST_GeomFromWKB(%(area)s), (SELECT srid FROM pipemap.project))),
    %(class_codes)s, %(attributes)s, %(expires_at)s, %(position_precision)s, %(depth_precision)s, %(frozen_version)s,
    %(may_export)s, %(sites_telephone)s, %(requests_per_minute)s, %(concurrent_requests)s, %(written_by)s,
    %(approved_by)s, CASE WHEN %(approved_by)s::text IS NOT NULL THEN now() END
)
RETURNING agreement_id

-- name: add_key
-- No row when there is no such agreement in force, or it is not approved yet.
INSERT INTO pipemap.api_key (key_sha256, agreement_id)
SELECT %(key_sha256)s, agreement_id
FROM pipemap.agreement
WHERE agreement_id = %(agreement_id)s AND revoked_at IS NULL AND expires_at > now() AND approved_at IS NOT NULL
RETURNING agreement_id

-- name: lock_agreement
-- One agreement for its approval, with its area as WKB.
SELECT agency, position_precision, written_by, ST_AsBinary(area) AS area,
       approved_at IS NULL AND revoked_at IS NULL AND expires_at > now() AS is_waiting
FROM pipemap.agreement
WHERE agreement_id = %(agreement_id)s
FOR UPDATE

-- name: approve
UPDATE pipemap.agreement SET approved_by = %(approved_by)s, approved_at = now() WHERE agreement_id = %(agreement_id)s

-- name: agreements
-- Agreements with their keys (only the hashes are known), newest first.
SELECT
    a.agreement_id, a.agency, a.purpose, a.class_codes, a.attributes, a.created_at, a.expires_at, a.revoked_at,
    a.position_precision, a.depth_precision, a.frozen_version, a.may_export, a.sites_telephone,
    a.requests_per_minute, a.concurrent_requests, a.written_by, a.approved_by, a.approved_at,
    CASE WHEN a.revoked_at IS NOT NULL THEN 'revoked'
         WHEN a.expires_at <= now() THEN 'expired'
         WHEN a.approved_at IS NULL THEN 'waiting' ELSE 'in_force' END AS state,
    round((ST_Area(a.area) / 1e6)::numeric, 3)::float8 AS area_km2,
    ST_AsText(a.area, 3) AS area_wkt,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'key_sha256', encode(k.key_sha256, 'hex'), 'created_at', k.created_at, 'revoked_at', k.revoked_at
        ) ORDER BY k.created_at), '[]')
        FROM pipemap.api_key AS k WHERE k.agreement_id = a.agreement_id
    ) AS keys
FROM pipemap.agreement AS a
WHERE (%(agency)s::text IS NULL OR a.agency = %(agency)s)
  AND (%(agreement_id)s::int IS NULL OR a.agreement_id = %(agreement_id)s)
ORDER BY a.agreement_id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: revoke_agreement
UPDATE pipemap.agreement SET revoked_at = now()
WHERE agreement_id = %(agreement_id)s AND revoked_at IS NULL
RETURNING agency

-- name: revoke_key
-- A key is named by the first letters of its hash.
UPDATE pipemap.api_key AS k SET revoked_at = now()
FROM pipemap.agreement AS a
WHERE a.agreement_id = %(agreement_id)s AND k.agreement_id = a.agreement_id AND k.revoked_at IS NULL
  AND starts_with(encode(k.key_sha256, 'hex'), %(key)s)
RETURNING a.agency

-- name: begin_reading
-- Limit the statements of this transaction; the project's EPSG code and the newest version.
SELECT set_config('statement_timeout', %(timeout)s, true), p.srid,
       coalesce((SELECT max(v.version) FROM pipemap.version AS v), 0) AS version
FROM pipemap.project AS p

-- name: begin_at_once
-- For the statement that is sent together with this: a limit to it, one plan for all values, as one for each would take
-- longer to make than to carry out. It may only read, and runs as the role.
SELECT
    set_config('statement_timeout', %(timeout)s, true),
    set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('transaction_read_only', 'on', true),
    set_config('role', %(role)s, true)

-- name: asked_at_once
-- What a statement finds once it is said who asks for which version and which box. It hangs on that by the condition, so
-- nothing of it is looked for before.
WITH asked AS MATERIALIZED (
    SELECT
        set_config('pipemap.key_sha256', %(key_sha256)s, true) AS key_sha256,
        set_config('pipemap.version', coalesce(%(version)s::int::text, ''), true),
        ({wanted})
)
SELECT found.*
FROM asked
CROSS JOIN LATERAL (SELECT f.* FROM ({statement}) AS f WHERE asked.key_sha256 IS NOT NULL OFFSET 0) AS found

-- name: introduce
-- Say for this transaction who asks and for which version.
SELECT
    set_config('pipemap.key_sha256', %(key_sha256)s, true),
    set_config('pipemap.version', coalesce(%(version)s::int::text, ''), true)

-- name: look_at
-- Say for this transaction which version is meant.
SELECT set_config('pipemap.version', (%(version)s::int)::text, true)

-- name: want
-- Say for this transaction which box is wanted; an absent box means the whole area. One without width or height is
-- widened by a tenth of a millimetre, as a polygon of no area meets nothing. Sides that are curved in the project's system
-- get vertices, none nearer to one another than `step`, which is as good as straight.
SELECT
    set_config('pipemap.wanted', coalesce(ST_AsHexEWKB(
        CASE WHEN %(box_srid)s::int = %(srid)s::int THEN box.geom ELSE ST_Transform(ST_Segmentize(
            box.geom, greatest(%(max_x)s::float8 - %(min_x)s, %(max_y)s::float8 - %(min_y)s, 32 * %(step)s::float8) / 32
        ), %(srid)s::int) END
    ), ''), true)
FROM (
    SELECT ST_MakeEnvelope(
        %(min_x)s::float8, %(min_y)s::float8, greatest(%(max_x)s::float8, %(min_x)s::float8 + %(least)s::float8),
        greatest(%(max_y)s::float8, %(min_y)s::float8 + %(least)s::float8), %(box_srid)s::int
    ) AS geom
) AS box

-- name: granted
SELECT agreement_id, agency, purpose, class_codes, attributes, expires_at, ST_AsText(area, 3) AS area_wkt,
       position_precision, depth_precision, frozen_version, may_export, sites_telephone, requests_per_minute,
       concurrent_requests, version, digest,
       CASE WHEN inner_box IS NOT NULL
            THEN ARRAY[ST_XMin(inner_box), ST_YMin(inner_box), ST_XMax(inner_box), ST_YMax(inner_box)] END AS inner_box
FROM pipemap_share.granted

-- name: reach
-- How far a segment goes at most beyond a box that it meets.
SELECT reach_m FROM pipemap_app.reach

-- name: limits
-- The limits of the agreement behind a key; no row when it is not in force.
SELECT a.requests_per_minute, a.concurrent_requests
FROM pipemap.api_key AS k
JOIN pipemap.agreement AS a USING (agreement_id)
WHERE k.key_sha256 = decode(%(key_sha256)s, 'hex')
  AND k.revoked_at IS NULL AND a.revoked_at IS NULL AND a.expires_at > now()

-- name: why_refused
-- What stands behind a key that is not in force: no row when nobody knows it.
SELECT a.agreement_id, a.agency,
       CASE WHEN k.revoked_at IS NOT NULL THEN 'key revoked'
            WHEN a.revoked_at IS NOT NULL THEN 'agreement revoked'
            WHEN a.expires_at <= now() THEN 'agreement expired'
            ELSE 'outside of the grant' END AS reason
FROM pipemap.api_key k
JOIN pipemap.agreement a USING (agreement_id)
WHERE k.key_sha256 = decode(%(key_sha256)s, 'hex')

-- name: items
-- One page of features as GeoJSON by identity, with their identities: one more than the page holds when there are more.
-- With the version, the digest of the permission and the window as it lies in the project's system. Features bring the
-- first two along; where there are none, `standing` is looked up. No row when nothing in force stands behind the key.
SELECT coalesce(page.version, standing.version) AS version, coalesce(page.digest, standing.digest) AS digest,
       ST_AsBinary(nullif(current_setting('pipemap.wanted', true), '')::geometry) AS wanted, page.ids, page.features
FROM (
    SELECT
        min({version}) AS version, min({digest}) AS digest,
        coalesce(array_agg(f.feature_id), '{{}}') AS ids,
        convert_to(coalesce(string_agg({feature}, ','), ''), 'UTF8') AS features
    FROM (
        SELECT v.* FROM {relation} AS v
        WHERE v.feature_id > %(after)s AND {conditions}
        ORDER BY v.feature_id
        LIMIT %(limit)s + 1
    ) AS f
) AS page
LEFT JOIN LATERAL (SELECT s.version, s.digest FROM {standing} AS s WHERE page.digest IS NULL OFFSET 0) AS standing ON true
WHERE page.digest IS NOT NULL OR standing.digest IS NOT NULL

-- name: singles
-- Features of some identities as GeoJSON, each with its box, and with version and digest as a page has them; these two
-- alone where none is found.
SELECT coalesce(found.version, standing.version) AS version, coalesce(found.digest, standing.digest) AS digest,
       found.feature_id, convert_to(found.feature, 'UTF8') AS feature, found.box
FROM (VALUES (true)) AS always
LEFT JOIN (
    SELECT {version} AS version, {digest} AS digest, f.feature_id, {feature} AS feature,
           ARRAY[ST_XMin(f.geom), ST_YMin(f.geom), ST_XMax(f.geom), ST_YMax(f.geom)] AS box
    FROM (SELECT v.* FROM {relation} AS v WHERE v.feature_id = ANY (%(identities)s::bigint[]) AND {conditions} OFFSET 0) AS f
) AS found ON true
LEFT JOIN LATERAL (SELECT s.version, s.digest FROM {standing} AS s WHERE found.digest IS NULL OFFSET 0) AS standing ON true
WHERE found.digest IS NOT NULL OR standing.digest IS NOT NULL

-- name: staff_version
(SELECT coalesce(max(version), 0) FROM pipemap.version)

-- name: staff_standing
(SELECT coalesce(max(version), 0) AS version, '' AS digest FROM pipemap.version)

-- name: export_rows
-- Features of one layer of an export package.
SELECT {columns}
FROM {relation} AS v
WHERE {condition}
  AND (NOT %(has_box)s OR (
      v.geom && nullif(current_setting('pipemap.wanted'), '')::geometry
      AND ST_Intersects(v.geom, nullif(current_setting('pipemap.wanted'), '')::geometry)
  ))

-- name: want_area
-- Say for this transaction that a polygon is wanted, given as WKB in the project CRS.
SELECT set_config('pipemap.wanted', ST_AsHexEWKB(ST_SetSRID(ST_GeomFromWKB(%(area)s), %(srid)s)), true)

-- name: published_since
-- When the first version came out; null before that.
SELECT min(published_at) AS since FROM pipemap.version

-- name: agreement_extent
-- Box around an agreement's area, in degrees.
SELECT ST_XMin(box) AS west, ST_YMin(box) AS south, ST_XMax(box) AS east, ST_YMax(box) AS north
FROM (SELECT ST_Extent(ST_Transform(area, 4326)) AS box FROM pipemap.agreement WHERE agreement_id = %(agreement_id)s) AS a

-- name: map_extent
-- Box around every node, in degrees; nulls when there is none.
SELECT ST_XMin(box) AS west, ST_YMin(box) AS south, ST_XMax(box) AS east, ST_YMax(box) AS north
FROM (
    SELECT ST_Extent(ST_Transform(ST_SetSRID(outline, (SELECT srid FROM pipemap.project)), 4326)) AS box
    FROM (SELECT ST_Extent(geom)::geometry AS outline FROM pipemap.node) AS nodes
) AS m

-- name: redacted_sites
-- Padded shapes of sensitive sites as GeoJSON features, by identity.
SELECT count(*) AS shown, coalesce(json_agg(json_build_object(
    'type', 'Feature', 'id', v.site_id, 'geometry', ST_AsGeoJSON({geometry}, %(digits)s, 0)::json,
    'properties', json_build_object('is_redacted', true, 'telephone', v.telephone)
) ORDER BY v.site_id), '[]')::text AS features
FROM pipemap_share.redacted_site AS v
WHERE NOT %(has_box)s OR ST_Intersects(v.geom, nullif(current_setting('pipemap.wanted'), '')::geometry)

-- name: sent_back
-- A geometry brought to the project CRS.
SELECT ST_AsBinary(ST_Transform(ST_SetSRID(ST_GeomFromWKB(%(place)s), %(srid)s::int), %(project_srid)s::int)) AS place
