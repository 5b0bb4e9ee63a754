-- name: add_hook
-- Of the agreement behind a key in force.
INSERT INTO pipemap.share_hook (agreement_id, key_sha256, url, salt)
VALUES (%(agreement_id)s, decode(%(key_sha256)s, 'hex'), %(url)s, %(salt)s)
RETURNING hook_id

-- name: living
-- How many hooks of an agreement have not ended.
SELECT count(*) AS count FROM pipemap.share_hook WHERE agreement_id = %(agreement_id)s AND state <> 'ended'

-- name: hooks
-- Hooks, newest first, each with its last message.
SELECT
    h.hook_id, h.agreement_id, a.agency, h.url, h.state, h.version, h.created_at, h.approved_by, h.approved_at, h.ended_at,
    h.ended_reason,
    (
        SELECT jsonb_build_object(
            'since', d.since, 'until', d.until, 'counts', d.counts, 'state', d.state, 'attempts', d.attempts,
            'status', d.status, 'fault', d.fault, 'fault_zh', d.fault_zh, 'created_at', d.created_at, 'next_at', d.next_at, 'ended_at', d.ended_at
        )
        FROM pipemap.share_delivery AS d WHERE d.hook_id = h.hook_id ORDER BY d.delivery_id DESC LIMIT 1
    ) AS last_delivery
FROM pipemap.share_hook AS h
JOIN pipemap.agreement AS a USING (agreement_id)
WHERE (%(agreement_id)s::int IS NULL OR h.agreement_id = %(agreement_id)s)
  AND (%(hook_id)s::int IS NULL OR h.hook_id = %(hook_id)s)
ORDER BY h.hook_id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: deliveries
-- Messages to a hook, newest first.
SELECT delivery_id, message_id, since, until, counts, state, attempts, status, fault, fault_zh, created_at, next_at, ended_at
FROM pipemap.share_delivery
WHERE hook_id = %(hook_id)s
ORDER BY delivery_id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: lock_hook
SELECT *, encode(key_sha256, 'hex') AS key_hex FROM pipemap.share_hook WHERE hook_id = %(hook_id)s FOR UPDATE

-- name: approve_hook
UPDATE pipemap.share_hook SET
    state = 'approved', version = %(version)s, approved_by = %(actor)s, approved_at = now(), ended_at = NULL,
    ended_reason = NULL
WHERE hook_id = %(hook_id)s

-- name: move_hook
-- To go on from the version that it was told of last.
UPDATE pipemap.share_hook SET state = %(state)s, ended_at = NULL, ended_reason = NULL WHERE hook_id = %(hook_id)s

-- name: again
-- The last message is due at once, under the number it had; no row when there is none.
UPDATE pipemap.share_delivery SET
    next_at = now(), state = 'waiting', ended_at = NULL, attempts = CASE WHEN state = 'waiting' THEN attempts ELSE 0 END
WHERE delivery_id = (SELECT max(delivery_id) FROM pipemap.share_delivery WHERE hook_id = %(hook_id)s)
RETURNING delivery_id

-- name: end_hook
-- No row when it has ended already. What it still waits to tell ends with it: once approved again it begins anew.
WITH ended AS (
    UPDATE pipemap.share_hook SET state = 'ended', ended_at = now(), ended_reason = %(reason)s
    WHERE hook_id = %(hook_id)s AND state <> 'ended'
    RETURNING hook_id
), dropped AS (
    UPDATE pipemap.share_delivery AS d SET state = 'failed', ended_at = now()
    FROM ended WHERE d.hook_id = ended.hook_id AND d.state = 'waiting'
)
SELECT hook_id FROM ended

-- name: due
-- Approved hooks under a key in force with a message that is due, or with versions that they were not told of; or one
-- of them.
SELECT h.hook_id, h.agreement_id, a.agency, a.purpose, h.url, h.salt, h.version, encode(h.key_sha256, 'hex') AS key_sha256
FROM pipemap.share_hook AS h
JOIN pipemap.api_key AS k USING (key_sha256)
JOIN pipemap.agreement AS a ON a.agreement_id = h.agreement_id
LEFT JOIN pipemap.share_delivery AS d ON d.hook_id = h.hook_id AND d.state = 'waiting'
WHERE (%(hook_id)s::int IS NULL OR h.hook_id = %(hook_id)s)
  AND h.state = 'approved' AND k.revoked_at IS NULL AND a.revoked_at IS NULL AND a.expires_at > now()
  AND CASE WHEN d.delivery_id IS NULL THEN h.version < (SELECT max(version) FROM pipemap.version) ELSE d.next_at <= now() END
ORDER BY h.hook_id

-- name: waiting
SELECT * FROM pipemap.share_delivery WHERE hook_id = %(hook_id)s AND state = 'waiting'

-- name: add_delivery
INSERT INTO pipemap.share_delivery (hook_id, since, until, permission, counts)
VALUES (%(hook_id)s, %(since)s, %(until)s, %(permission)s, %(counts)s)
RETURNING *

-- name: told
-- Up to which version a hook knows all there is for it to know.
UPDATE pipemap.share_hook SET version = greatest(version, %(version)s) WHERE hook_id = %(hook_id)s

-- name: attempted
-- A message that ended with its hook while it was sent stays at its end; whether it was waited for still.
WITH before AS (
    SELECT state = 'waiting' AS is_waited_for FROM pipemap.share_delivery WHERE delivery_id = %(delivery_id)s FOR UPDATE
)
UPDATE pipemap.share_delivery AS d SET
    attempts = attempts + 1, status = %(status)s, fault = %(fault)s, fault_zh = %(fault_zh)s,
    state = CASE WHEN is_waited_for OR %(state)s = 'delivered' THEN %(state)s ELSE d.state END,
    next_at = now() + make_interval(secs => %(wait_s)s),
    ended_at = CASE WHEN NOT is_waited_for OR %(state)s <> 'waiting' THEN now() END
FROM before WHERE d.delivery_id = %(delivery_id)s
RETURNING is_waited_for
