-- name: append
-- One entry at the end of the chain.
SELECT pipemap_app.audit(%(actor)s::text, %(action)s::text, %(details)s::jsonb)

-- name: entries
-- Newest first; every filter may be null.
SELECT seq, at, actor, action, details::jsonb AS details, encode(hash, 'hex') AS hash
FROM pipemap.audit_log
WHERE (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
ORDER BY seq DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: chain
-- Every entry as it was hashed, oldest first.
SELECT seq, at, actor, action, details, prev_hash, hash FROM pipemap.audit_log ORDER BY seq

-- name: head
SELECT seq, hash FROM pipemap.audit_head
