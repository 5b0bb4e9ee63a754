-- name: spaces
-- Enclosed spaces of other utilities, and structures, within a distance of a leak: in space where both heights are
-- known, else in plan. A chamber is the upright line from its bottom (of its lowest pipe where its depth is unknown) to
-- the ground; a duct, sewer or tunnel is measured to its wall; a structure is the solid between its base and its top.
-- OFFSET 0 keeps the spatial indexes in use, since nobody can tell the planner how small a leak is.
WITH leak AS MATERIALIZED (SELECT geom, ST_NDims(geom) = 3 AS has_height FROM ({leak}) AS somewhere),
chambers AS (
    SELECT node.feature_id, leak.geom AS leak, leak.has_height,
           'node' AS feature_kind, 'chamber' AS kind, node.source_key, node.name, node.address, node.owner,
           node.class_code, node.appurtenance_code AS what_code, 0 AS half_m,
           CASE WHEN node.bottom_m IS NULL OR node.ground_elevation_m IS NULL THEN node.geom
                ELSE ST_SetSRID(ST_MakeLine(
                    ST_MakePoint(ST_X(node.geom), ST_Y(node.geom), least(node.bottom_m, node.ground_elevation_m)),
                    ST_MakePoint(ST_X(node.geom), ST_Y(node.geom), node.ground_elevation_m)), ST_SRID(node.geom))
           END AS body
    FROM leak
    CROSS JOIN LATERAL (
        SELECT well.*, coalesce(well.ground_elevation_m - well.well_depth_m, lowest.z_m) AS bottom_m
        FROM {nodes} AS well
        LEFT JOIN LATERAL (
            SELECT min(ST_Z(CASE WHEN joined.from_node_id = well.feature_id THEN ST_StartPoint(joined.geom)
                                 ELSE ST_EndPoint(joined.geom) END)) AS z_m
            FROM {segments} AS joined
            WHERE joined.from_node_id = well.feature_id OR joined.to_node_id = well.feature_id) AS lowest ON true
        WHERE ST_DWithin(well.geom, leak.geom, %(radius_m)s)
          AND well.appurtenance_code = ANY(%(enclosed)s)
          AND well.class_code <> ALL(%(own_classes)s)
          AND coalesce(well.lifecycle_code, '') <> ALL(%(not_there)s)
        OFFSET 0) AS node),
passages AS (
    SELECT segment.feature_id, leak.geom AS leak, leak.has_height,
           'pipe_segment' AS feature_kind,
           CASE WHEN segment.class_code = ANY(%(tunnels)s) THEN 'tunnel'
                WHEN segment.class_code = ANY(%(sewers)s) THEN 'sewer' ELSE 'duct' END AS kind,
           segment.source_key, NULL AS name, NULL AS address, segment.owner, segment.class_code,
           segment.burial_code AS what_code,
           coalesce(greatest(segment.width_mm, segment.height_mm) / 2000, 0) AS half_m, segment.geom AS body
    FROM leak
    CROSS JOIN LATERAL (
        SELECT * FROM {segments} AS passage
        WHERE ST_DWithin(passage.geom, leak.geom, %(radius_m)s + %(widest_m)s)
          AND passage.class_code <> ALL(%(own_classes)s)
          AND coalesce(passage.lifecycle_code, '') <> ALL(%(not_there)s)
          AND (passage.class_code = ANY(%(tunnels)s) OR passage.class_code = ANY(%(sewers)s)
               OR passage.burial_code = ANY(%(hollow)s)
               OR (passage.class_code = ANY(%(cables)s) AND passage.hole_count > 0))
        OFFSET 0) AS segment),
solids AS (
    SELECT structure.feature_id, leak.geom AS leak, leak.has_height,
           'structure' AS feature_kind,
           CASE structure.kind_code WHEN 'tunnel' THEN 'tunnel' ELSE 'basement' END AS kind,
           structure.source_key, structure.name, NULL AS address, NULL AS owner, NULL AS class_code,
           structure.kind_code AS what_code, 0 AS half_m,
           coalesce(ST_Collect(ARRAY[faces.base, faces.top, faces.walls]), structure.geom) AS body,
           coalesce(ST_Intersects(structure.geom, ST_StartPoint(leak.line))
                    AND ST_Z(ST_StartPoint(leak.line)) BETWEEN structure.base_elevation_m
                                                           AND structure.top_elevation_m, false) AS holds_leak
    FROM (SELECT *, CASE WHEN ST_Dimension(geom) = 1 THEN geom ELSE ST_MakeLine(geom, geom) END AS line FROM leak) AS leak
    CROSS JOIN LATERAL (
        SELECT * FROM {structures} AS solid
        WHERE ST_DWithin(solid.geom, leak.geom, %(radius_m)s) AND solid.kind_code = ANY(%(roofed)s)
        OFFSET 0) AS structure
    LEFT JOIN LATERAL (
        SELECT ST_Force3DZ(ST_Force2D(structure.geom), structure.base_elevation_m) AS base,
               ST_Force3DZ(ST_Force2D(structure.geom), structure.top_elevation_m) AS top,
               ST_Collect(ST_MakePolygon(ST_MakeLine(ARRAY[
                   ST_Force3DZ(ST_StartPoint(edge.geom), structure.base_elevation_m),
                   ST_Force3DZ(ST_EndPoint(edge.geom), structure.base_elevation_m),
                   ST_Force3DZ(ST_EndPoint(edge.geom), structure.top_elevation_m),
                   ST_Force3DZ(ST_StartPoint(edge.geom), structure.top_elevation_m),
                   ST_Force3DZ(ST_StartPoint(edge.geom), structure.base_elevation_m)]))) AS walls
        FROM ST_DumpSegments(ST_Force2D(ST_Boundary(structure.geom))) AS edge
        WHERE ST_Dimension(structure.geom) = 2) AS faces
        ON structure.top_elevation_m > structure.base_elevation_m),
spaces AS (
    SELECT *, false AS holds_leak FROM chambers
    UNION ALL SELECT *, false FROM passages
    UNION ALL SELECT * FROM solids),
near AS (
    SELECT DISTINCT ON (feature_id) *
    FROM spaces
    CROSS JOIN LATERAL (SELECT has_height AND ST_NDims(body) = 3 AS in_space) AS both_known
    CROSS JOIN LATERAL (
        SELECT CASE WHEN holds_leak THEN 0
                    ELSE greatest(CASE WHEN in_space THEN ST_3DDistance(body, leak)
                                       ELSE ST_Distance(body, leak) END - half_m, 0) END AS distance_m) AS measured
    ORDER BY feature_id, distance_m)
SELECT feature_kind, feature_id, kind, source_key, name, address, owner, class_code, what_code,
       distance_m, in_space AS is_height_known,
       ST_X(point) AS x_m, ST_Y(point) AS y_m, ST_Z(point) AS z_m, count(*) OVER () AS found
FROM near
CROSS JOIN LATERAL (
    SELECT CASE WHEN in_space THEN ST_3DClosestPoint(body, leak) ELSE ST_ClosestPoint(body, leak) END AS point) AS nearest
WHERE distance_m <= %(radius_m)s
ORDER BY distance_m, is_height_known DESC, feature_id
LIMIT %(limit)s
