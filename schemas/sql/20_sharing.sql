-- What other agencies may read: views that show a request exactly what its API key's agreement grants.
-- The role pipemap_agency can reach nothing else but the name and system of the project and the limits that it is judged
-- by. A request says who it is, and which part of the map it wants,
-- by settings of its transaction: pipemap.key_sha256 (hex), pipemap.wanted (a polygon, hex EWKB; optional),
-- pipemap.version (the newest when empty) and, for what has changed, pipemap.since (a version).
-- The wanted polygon is part of the views so that it meets the spatial index before anything is clipped:
-- a filter from outside a security barrier runs last unless its operator is leakproof, which && is not.

CREATE SCHEMA IF NOT EXISTS pipemap_share;

DO $make_role$
BEGIN
    CREATE ROLE pipemap_agency NOLOGIN;
EXCEPTION
    -- Roles belong to the whole server: another database may have made it, even at this moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$make_role$;

DO $join_role$
BEGIN
    IF NOT pg_has_role(current_user, 'pipemap_agency', 'MEMBER') THEN
        GRANT pipemap_agency TO CURRENT_USER;
    END IF;
END
$join_role$;

-- Grants are views of one row, or of none when the key is unknown, revoked or expired, or when nobody has approved the
-- agreement. OFFSET 0 has a grant worked out once, not once a feature.
CREATE OR REPLACE FUNCTION pg_temp.grant_view(name text, terms text, joined text, condition text) RETURNS text LANGUAGE sql AS $function$
    SELECT format($grant$
        CREATE VIEW pipemap_share.%s WITH (security_barrier) AS
        SELECT %s
        FROM pipemap.api_key AS k
        JOIN pipemap.agreement AS a USING (agreement_id)
        CROSS JOIN (SELECT coalesce(max(v.version), 0) AS version FROM pipemap.version AS v) AS newest
        CROSS JOIN (
            SELECT
                nullif(current_setting('pipemap.wanted', true), '')::geometry AS wanted,
                nullif(current_setting('pipemap.version', true), '')::integer AS version,
                nullif(current_setting('pipemap.since', true), '')::integer AS since
        ) AS asked
        %s
        WHERE k.key_sha256 = decode(current_setting('pipemap.key_sha256', true), 'hex')
          AND k.revoked_at IS NULL
          AND a.revoked_at IS NULL
          AND a.approved_at IS NOT NULL
          AND a.expires_at > statement_timestamp()
          %s
        OFFSET 0
    $grant$, name, terms, joined, condition)
$function$;

-- How far a segment reaches beyond a box that it meets, at most: the largest side of a segment's box. An index holds
-- those above 500 m, and nothing of the others. Boxes meet in single precision, hence 10 m more.
DO $make_view$ BEGIN EXECUTE replace($view$
CREATE VIEW pipemap_app.reach AS
SELECT coalesce((SELECT max({side}) FROM pipemap.pipe_segment AS s WHERE {side} > 500), 500) + 10 AS reach_m
$view$, '{side}', 'greatest(ST_XMax(s.geom) - ST_XMin(s.geom), ST_YMax(s.geom) - ST_YMin(s.geom))'); END $make_view$;

-- `granted`: any grant. `version` is the one that is read: what is asked for or frozen, else the newest; of a
-- desensitised store (0: the map itself) none that it is not yet made to. `safe` is a box that lies in the area with all
-- that is in it, so that nothing in it needs a closer look; null where there is none. It keeps off its edge as
-- `inner_box` does.
-- `granted_now`: one that reads the map itself at the newest version, as most do.
-- `granted_deep`: the same where the wanted box lies so deep in an area that what meets it lies in the area whole.
DO $make_grants$
DECLARE
    sought text := 'asked.wanted, coalesce(asked.wanted, area.whole) AS sought, area.whole AS area';
    -- As keys, which are found faster than elements of a list, wherever that is kept.
    keys text := 'jsonb_object(a.class_codes, a.class_codes) AS classes, jsonb_object(a.attributes, a.attributes) AS shown';
    safe text := $safe$
        CASE WHEN a.inner_box IS NOT NULL THEN a.inner_box
             WHEN ST_Covers(area.whole, ST_Expand(asked.wanted, 100)) THEN ST_Expand(asked.wanted, 90)
             WHEN least(ST_XMax(asked.wanted) - ST_XMin(asked.wanted), ST_YMax(asked.wanted) - ST_YMin(asked.wanted)) > 20
                  AND ST_Covers(area.whole, ST_Envelope(asked.wanted)) THEN ST_Expand(asked.wanted, -10) END AS safe
    $safe$;
    -- Read from where it is kept once, not once a feature.
    area text := 'CROSS JOIN LATERAL (SELECT ST_Force2D(a.area) AS whole OFFSET 0) AS area';
    -- Of the map itself there is no store, so the digest is that of the terms.
    is_now text := $now$
        AND a.position_precision = 'exact' AND a.depth_precision = 'exact'
        AND coalesce(a.frozen_version, asked.version, newest.version) >= newest.version
    $now$;
BEGIN
    EXECUTE pg_temp.grant_view('granted', concat_ws(', ', sought, safe, keys, $terms$
        a.agreement_id, a.agency, a.purpose, a.class_codes, a.attributes, a.expires_at, a.position_precision, a.depth_precision,
        a.frozen_version, a.may_export, a.sites_telephone, a.requests_per_minute, a.concurrent_requests,
        a.inner_box, asked.since,
        CASE WHEN precise.is_exact THEN 0 ELSE made.store_id END AS store_id,
        least(coalesce(a.frozen_version, asked.version, newest.version), newest.version, made.version) AS version,
        newest.version AS newest_version,
        a.terms_sha256 || coalesce(to_hex(made.store_id), '') AS digest
    $terms$), area || $joined$
        CROSS JOIN LATERAL (SELECT a.position_precision = 'exact' AND a.depth_precision = 'exact' AS is_exact) AS precise
        LEFT JOIN LATERAL (
            SELECT d.store_id, d.version
            FROM pipemap.desensitised_store AS d
            WHERE d.position_precision = a.position_precision AND d.depth_precision = a.depth_precision
            ORDER BY d.store_id DESC
            LIMIT 1
        ) AS made ON NOT precise.is_exact
    $joined$, '');
    EXECUTE pg_temp.grant_view(
        'granted_now', concat_ws(', ', sought, safe, keys, 'newest.version, a.terms_sha256 AS digest'), area, is_now
    );
    EXECUTE pg_temp.grant_view(
        'granted_deep', concat_ws(', ', 'asked.wanted', keys, 'newest.version, a.terms_sha256 AS digest'), '',
        is_now || ' AND ST_Expand(asked.wanted, (SELECT r.reach_m FROM pipemap_app.reach AS r)) @ a.inner_box'
    );
END
$make_grants$;

-- Which states a view of a kind reads, by what is asked: those that are alive at the version that is read, those that
-- began after an earlier version and are alive at it, those that were alive at the earlier one and have ended up to it.
-- They are read of the map now, of its history, or of a desensitised store; a part is not looked at when the grant has
-- no use for it. What is alive is found by the index of places; what is listed by identity, and what has changed by the
-- indexes of versions: `IS TRUE` keeps the index of places out. `now` is what is alive for `granted_now`, `deep` for
-- `granted_deep`: one table is opened for it and not three.
CREATE OR REPLACE FUNCTION pg_temp.shared_states(life text) RETURNS text LANGUAGE sql AS $function$
    SELECT CASE life
    WHEN 'now' THEN $states$
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind} WHERE geom && g.sought
    $states$
    WHEN 'deep' THEN $states$
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind} WHERE geom && g.wanted
    $states$
    WHEN 'alive' THEN $states$
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind}
        WHERE g.store_id = 0 AND geom && g.sought
          AND (g.version = g.newest_version OR valid_from_version <= g.version)
        UNION ALL
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind}_history
        WHERE g.store_id = 0 AND g.version < g.newest_version
          AND geom && g.sought AND int4range(valid_from_version, valid_to_version) @> g.version
        UNION ALL
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind}_desensitised
        WHERE g.store_id <> 0 AND store_id = g.store_id
          AND geom && g.sought AND int4range(valid_from_version, valid_to_version) @> g.version
    $states$
    WHEN 'begun' THEN $states$
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind}
        WHERE g.store_id = 0 AND (geom && g.sought) IS TRUE
          AND valid_from_version > g.since AND valid_from_version <= g.version
        UNION ALL
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind}_history
        WHERE g.store_id = 0 AND g.version < g.newest_version AND (geom && g.sought) IS TRUE
          AND valid_from_version > g.since AND valid_from_version <= g.version AND valid_to_version > g.version
        UNION ALL
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind}_desensitised
        WHERE g.store_id <> 0 AND store_id = g.store_id AND (geom && g.sought) IS TRUE
          AND valid_from_version > g.since AND valid_from_version <= g.version
          AND (valid_to_version > g.version OR valid_to_version IS NULL)
    $states$
    WHEN 'ended' THEN $states$
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind}_history
        WHERE g.store_id = 0 AND (geom && g.sought) IS TRUE
          AND valid_to_version > g.since AND valid_to_version <= g.version AND valid_from_version <= g.since
        UNION ALL
        SELECT feature_id, class_code, geom, {columns} FROM pipemap.{kind}_desensitised
        WHERE g.store_id <> 0 AND store_id = g.store_id AND (geom && g.sought) IS TRUE
          AND valid_to_version > g.since AND valid_to_version <= g.version AND valid_from_version <= g.since
    $states$
    END
$function$;

-- What the views of a kind have in common, put into a view's frame:
-- {grant}: the grant, with a switch for each attribute, read once a statement;
-- {states}: the states it reads;
-- {attributes}: every attribute, null unless granted; what was surveyed at an end, unless that end is in the area;
-- {is_granted}: whether its class is granted; a list tells the planner better how many are, which who joins must know;
-- {sites}: the appurtenances that are sensitive sites.
-- A feature comes with the version it is of and the digest of the permission, so that neither is asked for apart.
CREATE OR REPLACE FUNCTION pg_temp.shared_view(frame text, kind text, life text, is_listed boolean) RETURNS text LANGUAGE sql AS $function$
    WITH attribute AS (
        SELECT attname AS name, row_number() OVER (ORDER BY attnum) AS place
        FROM pg_attribute
        WHERE attrelid = ('pipemap.' || kind || '_desensitised')::regclass AND attnum > 0 AND NOT attisdropped
          AND attname NOT IN ('store_id', 'feature_id', 'class_code', 'geom', 'valid_from_version', 'valid_to_version')
    ),
    listed AS (
        SELECT
            string_agg(quote_ident(name), ', ' ORDER BY place) AS columns,
            string_agg(format('shown ? %L AS %I', name, 'shows_' || name), ', ' ORDER BY place) AS switches,
            string_agg(format(
                'CASE WHEN g.%I%s THEN f.%I END AS %I', 'shows_' || name,
                CASE WHEN life = 'deep' THEN ''
                     WHEN name LIKE 'from\_%' THEN ' AND within.part & 1 > 0' WHEN name LIKE 'to\_%' THEN ' AND within.part & 2 > 0' END,
                name, name
            ), ', ' ORDER BY place) AS attributes
        FROM attribute
    )
    SELECT replace(replace(replace(replace(replace(replace(replace(replace(
        frame,
        '{grant}', '(SELECT granted.*, {switches} FROM pipemap_share.'
            || CASE WHEN life IN ('now', 'deep') THEN 'granted_' || life ELSE 'granted' END || ' AS granted OFFSET 0)'),
        '{states}', '(' || CASE
            WHEN is_listed THEN replace(pg_temp.shared_states(life), 'geom && g.sought', '(geom && g.sought) IS TRUE')
            ELSE pg_temp.shared_states(life) END || ')'),
        '{is_granted}', CASE WHEN life IN ('now', 'deep') THEN 'g.classes ? f.class_code'
                             ELSE 'f.class_code = ANY (g.class_codes)' END),
        '{sites}', $sites$(
            'gas_station', 'heat_source', 'pump_station', 'regulator_station', 'reservoir', 'substation', 'tank',
            'telecom_office', 'waterworks'
        )$sites$),
        '{kind}', kind), '{columns}', columns), '{switches}', switches), '{attributes}', attributes)
    FROM listed
$function$;

-- The view of a kind, the same for a grant of the map as it is now, both for those who list it by identity, the states
-- that began and that ended between two versions, and what lies deep in an area, whose frame looks at no edge.
CREATE OR REPLACE FUNCTION pg_temp.make_views(frame text, deep_frame text, kind text) RETURNS void LANGUAGE plpgsql AS $function$
BEGIN
    EXECUTE pg_temp.shared_view('CREATE VIEW pipemap_share.{kind} ' || frame, kind, 'alive', false);
    EXECUTE pg_temp.shared_view('CREATE VIEW pipemap_share.{kind}_now ' || frame, kind, 'now', false);
    EXECUTE pg_temp.shared_view('CREATE VIEW pipemap_share.{kind}_deep ' || deep_frame, kind, 'deep', false);
    EXECUTE pg_temp.shared_view('CREATE VIEW pipemap_share.{kind}_listed ' || frame, kind, 'alive', true);
    EXECUTE pg_temp.shared_view('CREATE VIEW pipemap_share.{kind}_listed_now ' || frame, kind, 'now', true);
    EXECUTE pg_temp.shared_view('CREATE VIEW pipemap_share.{kind}_begun ' || frame, kind, 'begun', false);
    EXECUTE pg_temp.shared_view('CREATE VIEW pipemap_share.{kind}_ended ' || frame, kind, 'ended', false);
END
$function$;

-- Sensitive sites are left out altogether: that they stand there is what must not be told.
DO $make_view$ BEGIN PERFORM pg_temp.make_views($view$
WITH (security_barrier) AS
SELECT f.feature_id, f.class_code, {attributes}, f.geom, g.version AS of_version, g.digest AS of_digest
FROM {grant} AS g
JOIN LATERAL {states} AS f
    ON {is_granted}
    AND (f.geom @ g.safe OR ST_Intersects(f.geom, g.area))
WHERE coalesce(f.appurtenance_code, '') NOT IN {sites}
$view$, $view$
WITH (security_barrier) AS
SELECT f.feature_id, f.class_code, {attributes}, f.geom, g.version AS of_version, g.digest AS of_digest
FROM {grant} AS g
JOIN LATERAL {states} AS f ON {is_granted}
WHERE coalesce(f.appurtenance_code, '') NOT IN {sites}
$view$, 'node'); END $make_view$;

-- Sensitive sites where an agreement says whom to call about them: not the site but the square of 200 m that it lies in,
-- padded by 50 m on every side and cut at the edge of the area. What it is, and how many there are in it, is not told.
DO $make_view$ BEGIN EXECUTE pg_temp.shared_view($view$
CREATE VIEW pipemap_share.redacted_site WITH (security_barrier) AS
SELECT
    cell.i || '_' || cell.j AS site_id,
    g.sites_telephone AS telephone,
    ST_Intersection(ST_MakeEnvelope(
        cell.i * 200 - 50, cell.j * 200 - 50, cell.i * 200 + 250, cell.j * 200 + 250, ST_SRID(g.area)
    ), g.area) AS geom
FROM (
    SELECT granted.sites_telephone, granted.area, granted.class_codes, granted.store_id, granted.version,
           granted.newest_version, ST_Expand(granted.sought, 300) AS sought
    FROM pipemap_share.granted
    WHERE granted.sites_telephone IS NOT NULL
) AS g
JOIN LATERAL {states} AS f
    ON f.class_code = ANY (g.class_codes)
    AND ST_Intersects(f.geom, g.area)
CROSS JOIN LATERAL (
    SELECT floor(ST_X(f.geom) / 200)::bigint AS i, floor(ST_Y(f.geom) / 200)::bigint AS j
) AS cell
WHERE f.appurtenance_code IN {sites}
GROUP BY cell.i, cell.j, g.sites_telephone, g.area
$view$, 'node', 'alive', false); END $make_view$;

-- Axes are cut at the edge of the area; what was surveyed at an end outside it is not shown. `part` tells which part of an
-- axis lies in the area: 1 its start, 2 its end, 4 all of it. OFFSET 0 has it found out once, not once a column; the area
-- comes first in ST_Covers so that it is prepared once for all of them. An axis that lies in the area whole, as nearly all
-- do, is not asked whether it meets it.
DO $make_view$ BEGIN PERFORM pg_temp.make_views($view$
WITH (security_barrier) AS
SELECT
    f.feature_id, f.class_code, {attributes},
    CASE WHEN within.part = 7 THEN f.geom ELSE ST_CollectionExtract(ST_Intersection(f.geom, g.area), 2) END AS geom,
    g.version AS of_version, g.digest AS of_digest
FROM {grant} AS g
JOIN LATERAL {states} AS f ON {is_granted}
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN f.geom @ g.safe IS TRUE OR ST_Covers(g.area, f.geom) THEN 7
             ELSE ST_Intersects(ST_StartPoint(f.geom), g.area)::int + 2 * ST_Intersects(ST_EndPoint(f.geom), g.area)::int
        END AS part
    OFFSET 0
) AS within
WHERE within.part = 7
   OR ST_Intersects(f.geom, g.area) AND NOT ST_IsEmpty(ST_CollectionExtract(ST_Intersection(f.geom, g.area), 2))
$view$, $view$
WITH (security_barrier) AS
SELECT f.feature_id, f.class_code, {attributes}, f.geom, g.version AS of_version, g.digest AS of_digest
FROM {grant} AS g
JOIN LATERAL {states} AS f ON {is_granted}
$view$, 'pipe_segment'); END $make_view$;

REVOKE ALL ON ALL TABLES IN SCHEMA pipemap, pipemap_app, pipemap_share FROM pipemap_agency, PUBLIC;
REVOKE ALL ON SCHEMA pipemap, pipemap_app FROM pipemap_agency, PUBLIC;
GRANT USAGE ON SCHEMA pipemap_share TO pipemap_agency;
GRANT SELECT ON ALL TABLES IN SCHEMA pipemap_share TO pipemap_agency;
-- What is asked under an agreement is judged by the limits of the city.
GRANT SELECT ON pipemap.limit_set TO pipemap_agency;
