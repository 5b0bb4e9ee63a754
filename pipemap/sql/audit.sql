-- name: append
-- One entry at the end of the staff's chain.
SELECT pipemap_app.audit(%(actor)s::text, %(action)s::text, %(details)s::jsonb)

-- name: append_looks
-- Entries at the end of one agency's chain.
SELECT pipemap_app.audit_append(%(chain)s::text, %(actors)b::text[], %(actions)b::text[], %(details)b::text[])

-- name: entries
-- Newest first; every filter may be null.
SELECT chain, seq, at, actor, action, details::jsonb AS details, encode(hash, 'hex') AS hash
FROM pipemap.audit_log
WHERE (%(actor)s::text IS NULL OR actor = %(actor)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
ORDER BY at DESC, chain, seq DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: chains
-- Every entry as it was hashed, one chain after the other, oldest first; the time as it is written into the hash.
SELECT
    chain, seq, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
    actor, action, details, prev_hash, hash
FROM pipemap.audit_log
ORDER BY chain COLLATE "C", seq

-- name: heads
SELECT chain, seq, encode(hash, 'hex') AS hash FROM pipemap.audit_head ORDER BY chain COLLATE "C"
