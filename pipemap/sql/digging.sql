-- name: request
-- The request for digging or an emergency that an agreement was made of; no row when it was made of none.
SELECT r.request_id, r.applicant, r.purpose_code, r.work_type, r.reason, r.starts_on, r.ends_on, r.decided_by,
       r.decided_at, r.decision_reason
FROM pipemap.share_request AS r
WHERE r.agreement_id = %(agreement_id)s AND r.purpose_code IN ('dig', 'emergency')

-- name: pipes
-- What the agreement shows of the pipes in its area, cut at its edge.
SELECT
    v.feature_id, v.class_code, v.source_key, v.owner, v.material_code, v.lifecycle_code, v.width_mm, v.height_mm,
    v.from_depth_m, v.to_depth_m, v.depth_datum_code, v.horizontal_accuracy_m, v.vertical_accuracy_m,
    ST_Length(v.geom) AS length_m, ST_AsBinary(ST_Force2D(v.geom)) AS axis
FROM pipemap_share.pipe_segment AS v
ORDER BY v.class_code, ST_Length(v.geom) DESC, v.feature_id
