-- name: packages
-- Every marked package on record.
SELECT
    chain AS agency, at, (details::jsonb ->> 'agreement_id')::int AS agreement_id, details::jsonb ->> 'watermark' AS mark,
    (details::jsonb ->> 'srid')::int AS srid, details::jsonb ->> 'format' AS format,
    details::jsonb ->> 'package_sha256' AS package_sha256
FROM pipemap.audit_log
WHERE action = 'share.export' AND details::jsonb ->> 'watermark' IS NOT NULL
ORDER BY at, chain, seq

-- name: originals
-- What the map ever held, or shows desensitised, in a box, in the box's CRS; little-endian WKB.
SELECT ST_AsBinary(CASE WHEN project.srid = %(srid)s::int THEN s.geom ELSE ST_Transform(s.geom, %(srid)s::int) END, 'NDR') AS geom
FROM pipemap.project
CROSS JOIN LATERAL (
    SELECT ST_MakeEnvelope(
        %(min_x)s::float8, %(min_y)s::float8, %(max_x)s::float8, %(max_y)s::float8, %(srid)s::int
    ) AS asked
) AS b
CROSS JOIN LATERAL (
    SELECT ST_Expand(
        CASE WHEN project.srid = %(srid)s::int THEN b.asked
             ELSE ST_Transform(ST_Segmentize(b.asked, greatest(ST_XMax(b.asked) - ST_XMin(b.asked), 1e-6) / 32), project.srid)
        END, 0.01
    ) AS geom
) AS box
CROSS JOIN LATERAL (
    SELECT geom FROM pipemap.node WHERE geom && box.geom
    UNION ALL
    SELECT geom FROM pipemap.node_history WHERE geom && box.geom
    UNION ALL
    SELECT geom FROM pipemap.node_desensitised WHERE geom && box.geom
    UNION ALL
    SELECT geom FROM pipemap.pipe_segment WHERE geom && box.geom
    UNION ALL
    SELECT geom FROM pipemap.pipe_segment_history WHERE geom && box.geom
    UNION ALL
    SELECT geom FROM pipemap.pipe_segment_desensitised WHERE geom && box.geom
) AS s

-- name: extent
-- Where the map lies and ever lay, also desensitised, a metre wider; nulls when there is none.
SELECT min(ST_XMin(e)) - 1 AS west, min(ST_YMin(e)) - 1 AS south, max(ST_XMax(e)) + 1 AS east, max(ST_YMax(e)) + 1 AS north
FROM (
    SELECT ST_Extent(geom) AS e FROM pipemap.node
    UNION ALL
    SELECT ST_Extent(geom) FROM pipemap.node_history
    UNION ALL
    SELECT ST_Extent(geom) FROM pipemap.node_desensitised
    UNION ALL
    SELECT ST_Extent(geom) FROM pipemap.pipe_segment
    UNION ALL
    SELECT ST_Extent(geom) FROM pipemap.pipe_segment_history
    UNION ALL
    SELECT ST_Extent(geom) FROM pipemap.pipe_segment_desensitised
) AS extents
