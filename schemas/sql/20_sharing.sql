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

-- The agreement behind the request's key: no row when the key is unknown, revoked or expired.
CREATE VIEW pipemap_share.granted WITH (security_barrier) AS
SELECT
    a.agreement_id, a.agency, a.purpose, a.area, a.class_codes, a.attributes, a.expires_at,
    nullif(current_setting('pipemap.wanted', true), '')::geometry AS wanted,
    nullif(current_setting('pipemap.version', true), '')::integer AS version
FROM pipemap.api_key AS k
JOIN pipemap.agreement AS a USING (agreement_id)
WHERE k.key_sha256 = decode(current_setting('pipemap.key_sha256', true), 'hex')
  AND k.revoked_at IS NULL
  AND a.revoked_at IS NULL
  AND a.expires_at > statement_timestamp();

-- Every state there ever was of what is shared: the current ones, whose life has no end yet, and those that
-- history holds. A condition on `is_current` alone is met or not before history is looked at.
DO $make_states$
DECLARE
    kind text;
    columns text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['node', 'pipe_segment'] LOOP
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
        FROM pg_attribute
        WHERE attrelid = ('pipemap.' || kind)::regclass AND attnum > 0 AND NOT attisdropped
          AND attname <> 'valid_from_version';

        EXECUTE replace(replace($view$
            CREATE VIEW pipemap_app.{kind}_states AS
            SELECT {columns}, int4range(valid_from_version, NULL) AS life, true AS is_current FROM pipemap.{kind}
            UNION ALL
            SELECT {columns}, int4range(valid_from_version, valid_to_version), false FROM pipemap.{kind}_history
        $view$, '{kind}', kind), '{columns}', columns);
    END LOOP;
END
$make_states$;

-- Sensitive sites are left out altogether: that they stand there is what must not be told.
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
JOIN pipemap_app.node_states AS n
    ON n.geom && coalesce(g.wanted, g.area)
    AND (n.is_current OR g.version IS NOT NULL)
    AND (g.version IS NULL OR n.life @> g.version)
    AND n.class_code = ANY (g.class_codes)
    AND ST_Intersects(n.geom, g.area)
WHERE coalesce(n.appurtenance_code, '') NOT IN (
    'gas_station', 'heat_source', 'pump_station', 'regulator_station', 'reservoir', 'substation', 'tank', 'telecom_office', 'waterworks'
);

-- Axes are cut at the edge of the area; what was surveyed at an end outside it is not shown.
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
JOIN pipemap_app.pipe_segment_states AS s
    ON s.geom && coalesce(g.wanted, g.area)
    AND (s.is_current OR g.version IS NOT NULL)
    AND (g.version IS NULL OR s.life @> g.version)
    AND s.class_code = ANY (g.class_codes)
    AND ST_Intersects(s.geom, g.area)
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN ST_CoveredBy(s.geom, g.area) THEN s.geom
             ELSE ST_CollectionExtract(ST_Intersection(s.geom, g.area), 2) END AS geom,
        ST_Intersects(ST_StartPoint(s.geom), g.area) AS from_end,
        ST_Intersects(ST_EndPoint(s.geom), g.area) AS to_end
) AS shown
WHERE NOT ST_IsEmpty(shown.geom);

REVOKE ALL ON ALL TABLES IN SCHEMA pipemap, pipemap_app, pipemap_share FROM pipemap_agency, PUBLIC;
REVOKE ALL ON SCHEMA pipemap, pipemap_app FROM pipemap_agency, PUBLIC;
GRANT USAGE ON SCHEMA pipemap_share TO pipemap_agency;
GRANT SELECT ON ALL TABLES IN SCHEMA pipemap_share TO pipemap_agency;
