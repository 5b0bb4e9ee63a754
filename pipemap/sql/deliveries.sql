-- name: unfinished
SELECT count(*) AS count FROM pipemap.delivery_job WHERE state IN ('waiting', 'running')

-- name: add
INSERT INTO pipemap.delivery_job (job_id, actor, file_name, bytes, sha256, request)
VALUES (%(job_id)s, %(actor)s, %(file_name)s, %(bytes)s, %(sha256)s, %(request)s)
RETURNING *

-- name: jobs
-- The jobs, newest first, or one of them.
SELECT * FROM pipemap.delivery_job
WHERE %(job_id)s::uuid IS NULL OR job_id = %(job_id)s::uuid
ORDER BY asked_at DESC, job_id
LIMIT %(limit)s OFFSET %(offset)s

-- name: cancel
UPDATE pipemap.delivery_job SET state = 'cancelled', finished_at = now()
WHERE job_id = %(job_id)s AND state IN ('waiting', 'running')
RETURNING *

-- name: begin
-- No row when there is nothing left to do: the job was cancelled, or is at its end.
UPDATE pipemap.delivery_job SET state = 'running', attempts = attempts + 1, stage = NULL, done = 0, total = NULL
WHERE job_id = %(job_id)s AND state IN ('waiting', 'running')
RETURNING *

-- name: advance
UPDATE pipemap.delivery_job SET stage = %(stage)s, done = %(done)s, total = %(total)s
WHERE job_id = %(job_id)s AND state = 'running'

-- name: goes_on
-- No row when the job was cancelled meanwhile.
SELECT job_id FROM pipemap.delivery_job WHERE job_id = %(job_id)s AND state = 'running'

-- name: drafted
SELECT changeset_id FROM pipemap.changeset WHERE delivery_job_id = %(job_id)s

-- name: became
UPDATE pipemap.delivery_job SET changeset_id = %(changeset_id)s WHERE job_id = %(job_id)s

-- name: finish
UPDATE pipemap.delivery_job SET state = 'done', stage = NULL, changeset_id = %(changeset_id)s, finished_at = now()
WHERE job_id = %(job_id)s AND state IN ('running', 'cancelled')

-- name: fail
UPDATE pipemap.delivery_job
SET state = 'failed', stage = NULL, reason = %(reason)s, reason_zh = %(reason_zh)s, finished_at = now()
WHERE job_id = %(job_id)s AND state IN ('waiting', 'running')

-- name: kept
-- Jobs whose folder still holds what is to be read.
SELECT job_id FROM pipemap.delivery_job WHERE state IN ('waiting', 'running')

-- name: stranded
-- Jobs that wait although nothing in the queue stands for them.
SELECT d.job_id FROM pipemap.delivery_job AS d
WHERE d.state IN ('waiting', 'running')
  AND NOT EXISTS (
      SELECT FROM pipemap_jobs.procrastinate_jobs AS q
      WHERE q.args ->> 'job_id' = d.job_id::text AND q.status IN ('todo', 'doing')
  )
