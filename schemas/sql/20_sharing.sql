-- What other agencies may read: views that show a request exactly what its API key's agreement grants.
-- The role pipemap_agency can reach nothing else. A request says who it is, and which part of the map it wants,
-- by settings of its transaction: pipemap.key_sha256 (hex), pipemap.wanted (a polygon, hex EWKB; optional) and
-- pipemap.version (the newest when empty).
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

-- The agreement behind the request's key: no row when the key is unknown, revoked or expired. `version` is the one that
-- is read: what is asked for or frozen, else the newest; of a desensitised store (0: the map itself) none that it is not
-- yet made to. `clear_ground` is what is wanted with 500 m around, where all of it lies in the area: a feature whose box
-- lies in it needs no further test. OFFSET 0 has all this worked out once, not once a feature.
CREATE VIEW pipemap_share.granted WITH (security_barrier) AS
SELECT
    a.agreement_id, a.agency, a.purpose, a.area, a.class_codes, a.attributes, a.expires_at, a.position_precision,
    a.depth_precision, a.frozen_version, a.may_export, a.sites_telephone, a.requests_per_minute, a.concurrent_requests,
    asked.wanted,
    coalesce(asked.wanted, a.area) AS sought,
    CASE WHEN ST_CoveredBy(around.ground, a.area) THEN around.ground END AS clear_ground,
    CASE WHEN precise.is_exact THEN 0 ELSE made.store_id END AS store_id,
    least(coalesce(a.frozen_version, asked.version, newest.version), newest.version, made.version) AS version,
    newest.version AS newest_version,
    encode(sha256(ST_AsEWKB(a.area) || convert_to(jsonb_build_array(
        a.class_codes, a.attributes, a.position_precision, a.depth_precision, made.store_id, a.frozen_version,
        a.sites_telephone
    )::text, 'UTF8')), 'hex') AS digest
FROM pipemap.api_key AS k
JOIN pipemap.agreement AS a USING (agreement_id)
CROSS JOIN (SELECT coalesce(max(v.version), 0) AS version FROM pipemap.version AS v) AS newest
CROSS JOIN (
    SELECT
        nullif(current_setting('pipemap.wanted', true), '')::geometry AS wanted,
        nullif(current_setting('pipemap.version', true), '')::integer AS version
) AS asked
CROSS JOIN LATERAL (SELECT ST_Expand(asked.wanted, 500) AS ground) AS around
CROSS JOIN LATERAL (SELECT a.position_precision = 'exact' AND a.depth_precision = 'exact' AS is_exact) AS precise
LEFT JOIN LATERAL (
    SELECT d.store_id, d.version
    FROM pipemap.desensitised_store AS d
    WHERE d.position_precision = a.position_precision AND d.depth_precision = a.depth_precision
    ORDER BY d.store_id DESC
    LIMIT 1
) AS made ON NOT precise.is_exact
WHERE k.key_sha256 = decode(current_setting('pipemap.key_sha256', true), 'hex')
  AND k.revoked_at IS NULL
  AND a.revoked_at IS NULL
  AND a.expires_at > statement_timestamp()
OFFSET 0;

-- The states of a kind that a grant `g` reads: of the map now, of its history, or of a desensitised store. Each part
-- finds the box by its index, and is not looked at when the grant has no use for it.
CREATE OR REPLACE FUNCTION pg_temp.shared_states(kind text) RETURNS text LANGUAGE sql AS $function$
    SELECT replace(replace($states$
        SELECT {columns} FROM pipemap.{kind}
        WHERE g.store_id = 0 AND geom && g.sought
          AND (g.version = g.newest_version OR valid_from_version <= g.version)
        UNION ALL
        SELECT {columns} FROM pipemap.{kind}_history
        WHERE g.store_id = 0 AND g.version < g.newest_version
          AND geom && g.sought AND int4range(valid_from_version, valid_to_version) @> g.version
        UNION ALL
        SELECT {columns} FROM pipemap.{kind}_desensitised
        WHERE g.store_id <> 0 AND store_id = g.store_id
          AND geom && g.sought AND int4range(valid_from_version, valid_to_version) @> g.version
    $states$, '{kind}', kind), '{columns}', string_agg(quote_ident(attname), ', ' ORDER BY attnum))
    FROM pg_attribute
    WHERE attrelid = ('pipemap.' || kind || '_desensitised')::regclass AND attnum > 0 AND NOT attisdropped
      AND attname NOT IN ('store_id', 'valid_from_version', 'valid_to_version')
$function$;

-- Sensitive sites are left out altogether: that they stand there is what must not be told.
DO $make_view$ BEGIN EXECUTE replace($view$
CREATE VIEW pipemap_share.node WITH (security_barrier) AS
SELECT
    n.feature_id,
    n.class_code,
    CASE WHEN 'source_key' = ANY (g.attributes) THEN n.source_key END AS source_key,
    CASE WHEN 'feature_code' = ANY (g.attributes) THEN n.feature_code END AS feature_code,
    CASE WHEN 'appurtenance_code' = ANY (g.attributes) THEN n.appurtenance_code END AS appurtenance_code,
    CASE WHEN 'ground_elevation_m' = ANY (g.attributes) THEN n.ground_elevation_m END AS ground_elevation_m,
    CASE WHEN 'well_depth_m' = ANY (g.attributes) THEN n.well_depth_m END AS well_depth_m,
    CASE WHEN 'valve_state_code' = ANY (g.attributes) THEN n.valve_state_code END AS valve_state_code,
    CASE WHEN 'operability_code' = ANY (g.attributes) THEN n.operability_code END AS operability_code,
    CASE WHEN 'name' = ANY (g.attributes) THEN n.name END AS name,
    CASE WHEN 'address' = ANY (g.attributes) THEN n.address END AS address,
    CASE WHEN 'owner' = ANY (g.attributes) THEN n.owner END AS owner,
    CASE WHEN 'lifecycle_code' = ANY (g.attributes) THEN n.lifecycle_code END AS lifecycle_code,
    CASE WHEN 'installed_on' = ANY (g.attributes) THEN n.installed_on END AS installed_on,
    CASE WHEN 'horizontal_accuracy_m' = ANY (g.attributes) THEN n.horizontal_accuracy_m END AS horizontal_accuracy_m,
    CASE WHEN 'vertical_accuracy_m' = ANY (g.attributes) THEN n.vertical_accuracy_m END AS vertical_accuracy_m,
    n.geom
FROM pipemap_share.granted AS g
JOIN LATERAL ({states}) AS n
    ON n.class_code = ANY (g.class_codes)
    AND (n.geom @ g.clear_ground IS TRUE OR ST_Intersects(n.geom, g.area))
WHERE coalesce(n.appurtenance_code, '') NOT IN (
    'gas_station', 'heat_source', 'pump_station', 'regulator_station', 'reservoir', 'substation', 'tank', 'telecom_office', 'waterworks'
)
$view$, '{states}', pg_temp.shared_states('node')); END $make_view$;

-- Sensitive sites where an agreement says whom to call about them: not the site but the square of 200 m that it lies in,
-- padded by 50 m on every side and cut at the edge of the area. What it is, and how many there are in it, is not told.
DO $make_view$ BEGIN EXECUTE replace($view$
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
JOIN LATERAL ({states}) AS n
    ON n.class_code = ANY (g.class_codes)
    AND ST_Intersects(n.geom, g.area)
CROSS JOIN LATERAL (
    SELECT floor(ST_X(n.geom) / 200)::bigint AS i, floor(ST_Y(n.geom) / 200)::bigint AS j
) AS cell
WHERE n.appurtenance_code IN (
    'gas_station', 'heat_source', 'pump_station', 'regulator_station', 'reservoir', 'substation', 'tank', 'telecom_office', 'waterworks'
)
GROUP BY cell.i, cell.j, g.sites_telephone, g.area
$view$, '{states}', pg_temp.shared_states('node')); END $make_view$;

-- Axes are cut at the edge of the area; what was surveyed at an end outside it is not shown.
DO $make_view$ BEGIN EXECUTE replace($view$
CREATE VIEW pipemap_share.pipe_segment WITH (security_barrier) AS
SELECT
    s.feature_id,
    s.class_code,
    CASE WHEN 'source_key' = ANY (g.attributes) THEN s.source_key END AS source_key,
    CASE WHEN 'from_node_id' = ANY (g.attributes) AND shown.from_end THEN s.from_node_id END AS from_node_id,
    CASE WHEN 'to_node_id' = ANY (g.attributes) AND shown.to_end THEN s.to_node_id END AS to_node_id,
    CASE WHEN 'shape_code' = ANY (g.attributes) THEN s.shape_code END AS shape_code,
    CASE WHEN 'width_mm' = ANY (g.attributes) THEN s.width_mm END AS width_mm,
    CASE WHEN 'height_mm' = ANY (g.attributes) THEN s.height_mm END AS height_mm,
    CASE WHEN 'size_basis_code' = ANY (g.attributes) THEN s.size_basis_code END AS size_basis_code,
    CASE WHEN 'nominal_mm' = ANY (g.attributes) THEN s.nominal_mm END AS nominal_mm,
    CASE WHEN 'inner_width_mm' = ANY (g.attributes) THEN s.inner_width_mm END AS inner_width_mm,
    CASE WHEN 'inner_height_mm' = ANY (g.attributes) THEN s.inner_height_mm END AS inner_height_mm,
    CASE WHEN 'section_text' = ANY (g.attributes) THEN s.section_text END AS section_text,
    CASE WHEN 'material_code' = ANY (g.attributes) THEN s.material_code END AS material_code,
    CASE WHEN 'burial_code' = ANY (g.attributes) THEN s.burial_code END AS burial_code,
    CASE WHEN 'pressure_code' = ANY (g.attributes) THEN s.pressure_code END AS pressure_code,
    CASE WHEN 'pressure_mpa' = ANY (g.attributes) THEN s.pressure_mpa END AS pressure_mpa,
    CASE WHEN 'voltage_kv' = ANY (g.attributes) THEN s.voltage_kv END AS voltage_kv,
    CASE WHEN 'hole_count' = ANY (g.attributes) THEN s.hole_count END AS hole_count,
    CASE WHEN 'used_hole_count' = ANY (g.attributes) THEN s.used_hole_count END AS used_hole_count,
    CASE WHEN 'cable_count' = ANY (g.attributes) THEN s.cable_count END AS cable_count,
    CASE WHEN 'flow_direction_code' = ANY (g.attributes) THEN s.flow_direction_code END AS flow_direction_code,
    CASE WHEN 'circuit' = ANY (g.attributes) THEN s.circuit END AS circuit,
    CASE WHEN 'container_id' = ANY (g.attributes) THEN s.container_id END AS container_id,
    CASE WHEN 'owner' = ANY (g.attributes) THEN s.owner END AS owner,
    CASE WHEN 'lifecycle_code' = ANY (g.attributes) THEN s.lifecycle_code END AS lifecycle_code,
    CASE WHEN 'installed_on' = ANY (g.attributes) THEN s.installed_on END AS installed_on,
    CASE WHEN 'from_depth_m' = ANY (g.attributes) AND shown.from_end THEN s.from_depth_m END AS from_depth_m,
    CASE WHEN 'to_depth_m' = ANY (g.attributes) AND shown.to_end THEN s.to_depth_m END AS to_depth_m,
    CASE WHEN 'from_elevation_m' = ANY (g.attributes) AND shown.from_end THEN s.from_elevation_m END AS from_elevation_m,
    CASE WHEN 'to_elevation_m' = ANY (g.attributes) AND shown.to_end THEN s.to_elevation_m END AS to_elevation_m,
    CASE WHEN 'depth_datum_code' = ANY (g.attributes) THEN s.depth_datum_code END AS depth_datum_code,
    CASE WHEN 'elevation_source_code' = ANY (g.attributes) THEN s.elevation_source_code END AS elevation_source_code,
    CASE WHEN 'horizontal_accuracy_m' = ANY (g.attributes) THEN s.horizontal_accuracy_m END AS horizontal_accuracy_m,
    CASE WHEN 'vertical_accuracy_m' = ANY (g.attributes) THEN s.vertical_accuracy_m END AS vertical_accuracy_m,
    shown.geom
FROM pipemap_share.granted AS g
JOIN LATERAL ({states}) AS s
    ON s.class_code = ANY (g.class_codes)
    AND (s.geom @ g.clear_ground IS TRUE OR ST_Intersects(s.geom, g.area))
CROSS JOIN LATERAL (SELECT s.geom @ g.clear_ground IS TRUE AS whole) AS lies
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN lies.whole OR ST_CoveredBy(s.geom, g.area) THEN s.geom
             ELSE ST_CollectionExtract(ST_Intersection(s.geom, g.area), 2) END AS geom,
        lies.whole OR ST_Intersects(ST_StartPoint(s.geom), g.area) AS from_end,
        lies.whole OR ST_Intersects(ST_EndPoint(s.geom), g.area) AS to_end
) AS shown
WHERE NOT ST_IsEmpty(shown.geom)
$view$, '{states}', pg_temp.shared_states('pipe_segment')); END $make_view$;

REVOKE ALL ON ALL TABLES IN SCHEMA pipemap, pipemap_app, pipemap_share FROM pipemap_agency, PUBLIC;
REVOKE ALL ON SCHEMA pipemap, pipemap_app FROM pipemap_agency, PUBLIC;
GRANT USAGE ON SCHEMA pipemap_share TO pipemap_agency;
GRANT SELECT ON ALL TABLES IN SCHEMA pipemap_share TO pipemap_agency;
