-- name: drop_findings
DELETE FROM pipemap.finding WHERE changeset_id = %(changeset_id)s AND origin = %(origin)s

-- name: list_findings
SELECT finding_id, origin, {columns}
FROM pipemap.finding
WHERE changeset_id = %(changeset_id)s
  AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
  AND (%(class_code)s::text IS NULL OR class_code = %(class_code)s)
  AND (%(sheet)s::text IS NULL OR sheet = %(sheet)s)
  AND (%(origin)s::text IS NULL OR origin = %(origin)s)
ORDER BY array_position(ARRAY['error', 'warning', 'info'], severity), rule, finding_id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_findings
SELECT rule, severity, count(*) AS count
FROM pipemap.finding
WHERE changeset_id = %(changeset_id)s
  AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
  AND (%(class_code)s::text IS NULL OR class_code = %(class_code)s)
  AND (%(sheet)s::text IS NULL OR sheet = %(sheet)s)
  AND (%(origin)s::text IS NULL OR origin = %(origin)s)
GROUP BY rule, severity
ORDER BY array_position(ARRAY['error', 'warning', 'info'], severity), rule

-- name: blocking_findings
SELECT f.rule, count(*) AS count
FROM pipemap.finding f
WHERE f.changeset_id = %(changeset_id)s AND f.severity = 'error'
  AND NOT EXISTS (SELECT FROM pipemap.waiver w WHERE w.changeset_id = f.changeset_id AND w.rule = f.rule)
GROUP BY f.rule
ORDER BY f.rule

-- name: list_waivers
SELECT w.rule, w.reason, w.waived_by,
       (SELECT count(*) FROM pipemap.finding f
        WHERE f.changeset_id = w.changeset_id AND f.rule = w.rule AND f.severity = 'error') AS count
FROM pipemap.waiver w
WHERE w.changeset_id = %(changeset_id)s
ORDER BY w.rule
