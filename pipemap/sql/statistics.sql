-- name: quantities
-- Number, length, age and cover of segments, by the dimensions asked for and by material, decade and band of depth.
SELECT
    {dimensions}, s.material_code AS material, s.decade, s.band,
    count(*) AS segments,
    sum(s.length_m) AS length_m,
    sum(s.length_m) FILTER (WHERE s.age_years IS NOT NULL) AS aged_m,
    sum(s.length_m * s.age_years) AS age_sum,
    sum(s.length_m) FILTER (WHERE s.cover_m IS NOT NULL) AS covered_m,
    sum(s.length_m * s.cover_m) AS cover_sum,
    min(s.cover_m) AS least_cover_m,
    max(s.cover_m) AS greatest_cover_m
FROM (
    SELECT
        p.*,
        CASE
            WHEN p.cover_m < 1 THEN '0-1' WHEN p.cover_m < 2 THEN '1-2' WHEN p.cover_m < 3 THEN '2-3'
            WHEN p.cover_m < 5 THEN '3-5' WHEN p.cover_m >= 5 THEN '5+'
        END AS band
    FROM (
        SELECT
            f.class_code, f.owner, f.material_code, f.lifecycle_code, f.district,
            (extract(year FROM f.installed_on)::int / 10 * 10)::text AS decade,
            (%(today)s::date - f.installed_on) / 365.25 AS age_years,
            ST_3DLength(f.geom) AS length_m,
            CASE WHEN ST_NDims(f.geom) = 3 THEN
                (a.ground_elevation_m + b.ground_elevation_m - ST_Z(ST_StartPoint(f.whole)) - ST_Z(ST_EndPoint(f.whole))) / 2
                - (CASE WHEN f.shape_code = 'circle' THEN coalesce(f.height_mm, f.width_mm) ELSE f.height_mm END) / 2000
            END AS cover_m
        FROM ({parts}) AS f
        LEFT JOIN {nodes} AS a ON a.feature_id = f.from_node_id
        LEFT JOIN {nodes} AS b ON b.feature_id = f.to_node_id
    ) AS p
) AS s
GROUP BY {dimensions}, material, s.decade, s.band

-- name: whole
-- Every segment as it is.
SELECT f.*, f.geom AS whole, NULL::text AS district FROM {segments} AS f WHERE {conditions}

-- name: in_districts
-- The part of every segment in each district that it meets. Outlines are cut into pieces, each of them looked through
-- fast; along a line between two pieces a segment lies in both, and counts once.
WITH piece AS MATERIALIZED (
    SELECT number, name, ST_Subdivide(ST_SetSRID(ST_GeomFromWKB(wkb), %(srid)s), 64) AS geom
    FROM unnest(%(names)s::text[], %(outlines)s::bytea[]) WITH ORDINALITY AS given (name, wkb, number)
)
SELECT
    f.class_code, f.owner, f.material_code, f.lifecycle_code, f.installed_on, f.shape_code, f.width_mm, f.height_mm,
    f.from_node_id, f.to_node_id, (array_agg(f.geom))[1] AS whole, piece.name AS district,
    CASE count(*) WHEN 1 THEN (array_agg(shared.geom))[1] ELSE ST_UnaryUnion(ST_Collect(shared.geom)) END AS geom
FROM piece
JOIN {segments} AS f ON ST_Intersects(f.geom, piece.geom)
CROSS JOIN LATERAL (
    SELECT CASE WHEN ST_CoveredBy(f.geom, piece.geom) THEN f.geom
                ELSE ST_CollectionExtract(ST_Intersection(f.geom, piece.geom), 2) END AS geom
) AS shared
WHERE {conditions}
GROUP BY
    piece.number, piece.name, f.feature_id, f.class_code, f.owner, f.material_code, f.lifecycle_code, f.installed_on,
    f.shape_code, f.width_mm, f.height_mm, f.from_node_id, f.to_node_id
