-- name: lock
-- What has been read under an agreement, locked for a change; and what its agency holds of exact data, in m2.
WITH made AS (
    INSERT INTO pipemap.area_read (agreement_id, area, outside)
    SELECT %(agreement_id)s, ST_GeomFromText('MULTIPOLYGON EMPTY', srid), ST_GeomFromText('MULTIPOLYGON EMPTY', srid)
    FROM pipemap.project
    ON CONFLICT (agreement_id) DO UPDATE SET agreement_id = excluded.agreement_id
    RETURNING area, outside
)
SELECT ST_AsBinary(made.area) AS area, ST_AsBinary(made.outside) AS outside,
       coalesce((
           SELECT ST_Area(ST_Union(r.area)) FROM pipemap.area_read AS r JOIN pipemap.agreement AS a USING (agreement_id)
           WHERE a.position_precision = 'exact'
             AND a.agency = (SELECT agency FROM pipemap.agreement WHERE agreement_id = %(agreement_id)s)
       ), 0) AS held_m2
FROM made

-- name: write
UPDATE pipemap.area_read
SET area = ST_SetSRID(ST_GeomFromWKB(%(area)s), (SELECT srid FROM pipemap.project)),
    outside = ST_SetSRID(ST_GeomFromWKB(%(outside)s), (SELECT srid FROM pipemap.project))
WHERE agreement_id = %(agreement_id)s

-- name: held
-- Full-feature data that an agency has read under all its agreements, in m2.
SELECT coalesce(ST_Area(ST_Union(r.area)), 0) AS held_m2
FROM pipemap.area_read AS r
JOIN pipemap.agreement AS a USING (agreement_id)
WHERE a.position_precision = 'exact' AND a.agency = %(agency)s
