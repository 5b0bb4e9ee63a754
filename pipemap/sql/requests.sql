-- name: add_request
-- The new request's number; the area is given as WKB in the project CRS.
INSERT INTO pipemap.share_request (
    agency, applicant, purpose_code, work_type, reason, area, class_codes, attributes, starts_on, ends_on, author
)
VALUES (
    %(agency)s, %(applicant)s, %(purpose_code)s, %(work_type)s, %(reason)s,
    ST_Multi(ST_SetSRID(ST_GeomFromWKB(%(area)s), (SELECT srid FROM pipemap.project))),
    %(class_codes)s, %(attributes)s, %(starts_on)s, %(ends_on)s, %(author)s
)
RETURNING request_id

-- name: requests
-- Requests, newest first; every filter may be null.
SELECT
    request_id, agency, applicant, purpose_code, work_type, reason, class_codes, attributes, starts_on, ends_on,
    author, created_at, state, decided_by, decided_at, decision_reason, agreement_id,
    round((ST_Area(area) / 1e6)::numeric, 4)::float8 AS area_km2,
    ST_AsText(area, 3) AS area_wkt
FROM pipemap.share_request
WHERE (%(request_id)s::int IS NULL OR request_id = %(request_id)s)
  AND (%(agency)s::text IS NULL OR agency = %(agency)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY request_id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: undecided
-- How many requests of one author wait for a decision.
SELECT count(*) AS count FROM pipemap.share_request WHERE author = %(author)s AND state = 'open'

-- name: lock_request
-- One request for its decision, with its area as WKB.
SELECT request_id, agency, purpose_code, work_type, reason, class_codes, attributes, starts_on, ends_on, author, state,
       ST_AsBinary(area) AS area
FROM pipemap.share_request
WHERE request_id = %(request_id)s
FOR UPDATE

-- name: decide
UPDATE pipemap.share_request
SET state = %(state)s, decided_by = %(decided_by)s, decided_at = now(), decision_reason = %(reason)s,
    agreement_id = %(agreement_id)s
WHERE request_id = %(request_id)s

-- name: granted_before
-- Areas granted to an agency before, as WKB: those in force, and the union of all that showed exact places.
SELECT
    ST_AsBinary(ST_Union(area) FILTER (WHERE revoked_at IS NULL AND expires_at > now())) AS in_force,
    ST_AsBinary(ST_Union(area) FILTER (WHERE position_precision = 'exact')) AS exact
FROM pipemap.agreement
WHERE agency = %(agency)s AND approved_at IS NOT NULL

-- name: allowance
-- How much full-feature data an agency may hold, in km2; no row: as every agency.
SELECT km2 FROM pipemap.area_allowance WHERE agency = %(agency)s

-- name: allow
INSERT INTO pipemap.area_allowance (agency, km2, reason, allowed_by)
VALUES (%(agency)s, %(km2)s, %(reason)s, %(allowed_by)s)
ON CONFLICT (agency) DO UPDATE
SET km2 = excluded.km2, reason = excluded.reason, allowed_by = excluded.allowed_by, allowed_at = now()

-- name: shown_counts
-- What an agreement of this area and these classes would show: nodes, segments and metres by class.
SELECT class_code, sum(nodes)::int AS nodes, sum(segments)::int AS segments, round(sum(length_m)::numeric, 1)::float8 AS length_m
FROM (
    SELECT n.class_code, 1 AS nodes, 0 AS segments, 0.0 AS length_m
    FROM pipemap.node AS n, (SELECT ST_SetSRID(ST_GeomFromWKB(%(area)s), srid) AS area FROM pipemap.project) AS a
    WHERE n.geom && a.area AND ST_Intersects(n.geom, a.area)
    UNION ALL
    SELECT s.class_code, 0, 1,
           CASE WHEN ST_CoveredBy(s.geom, a.area) THEN ST_Length(s.geom)
                ELSE ST_Length(ST_Intersection(s.geom, a.area)) END
    FROM pipemap.pipe_segment AS s, (SELECT ST_SetSRID(ST_GeomFromWKB(%(area)s), srid) AS area FROM pipemap.project) AS a
    WHERE s.geom && a.area AND ST_Intersects(s.geom, a.area)
) AS shown
GROUP BY class_code
ORDER BY class_code
