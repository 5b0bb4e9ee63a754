-- name: add
INSERT INTO pipemap.export_job (agreement_id, key_sha256, actor, request)
VALUES (%(agreement_id)s, %(key_sha256)s, %(actor)s, %(request)s)
RETURNING *

-- name: held
-- How many jobs of one agreement are not at their end, and how many packages of it are kept.
SELECT
    count(*) FILTER (WHERE state IN ('waiting', 'running')) AS unfinished,
    count(*) FILTER (WHERE state = 'done' AND expires_at > now()) AS kept
FROM pipemap.export_job
WHERE agreement_id = %(agreement_id)s

-- name: jobs
-- The jobs of one asker, newest first, or one of them.
SELECT * FROM pipemap.export_job
WHERE agreement_id IS NOT DISTINCT FROM %(agreement_id)s
  AND (%(job_id)s::uuid IS NULL OR job_id = %(job_id)s::uuid)
ORDER BY asked_at DESC, job_id
LIMIT %(limit)s OFFSET %(offset)s

-- name: cancel
UPDATE pipemap.export_job SET state = 'cancelled', finished_at = now()
WHERE job_id = %(job_id)s AND state IN ('waiting', 'running', 'done')
RETURNING *

-- name: begin
-- No row when there is nothing left to do: the job was cancelled, or is done.
UPDATE pipemap.export_job SET state = 'running', attempts = attempts + 1, done = 0, total = NULL
WHERE job_id = %(job_id)s AND state IN ('waiting', 'running')
RETURNING *

-- name: advance
-- No row when the job was cancelled meanwhile.
UPDATE pipemap.export_job SET done = %(done)s, total = coalesce(%(total)s, total)
WHERE job_id = %(job_id)s AND state = 'running'
RETURNING job_id

-- name: finish
-- No row when the job was cancelled meanwhile. Nobody can fetch a package once its agreement has expired.
UPDATE pipemap.export_job SET
    state = 'done', done = %(done)s, total = %(done)s, digest = %(digest)s, file_name = %(file_name)s,
    bytes = %(bytes)s, sha256 = %(sha256)s, finished_at = now(),
    expires_at = least(
        now() + make_interval(hours => %(keep_h)s),
        (SELECT a.expires_at FROM pipemap.agreement AS a WHERE a.agreement_id = export_job.agreement_id)
    )
WHERE job_id = %(job_id)s AND state = 'running'
RETURNING job_id

-- name: fail
UPDATE pipemap.export_job SET state = 'failed', reason = %(reason)s, finished_at = now()
WHERE job_id = %(job_id)s AND state IN ('waiting', 'running')

-- name: expire
-- Packages whose time is over.
UPDATE pipemap.export_job SET state = 'expired'
WHERE state = 'done' AND expires_at <= now()
RETURNING job_id

-- name: kept
-- Jobs whose folder may still hold something.
SELECT job_id FROM pipemap.export_job WHERE state IN ('waiting', 'running', 'done')

-- name: stranded
-- Jobs that wait although nothing in the queue stands for them.
SELECT e.job_id FROM pipemap.export_job AS e
WHERE e.state IN ('waiting', 'running')
  AND NOT EXISTS (
      SELECT FROM pipemap_jobs.procrastinate_jobs AS q
      WHERE q.args ->> 'job_id' = e.job_id::text AND q.status IN ('todo', 'doing')
  )
