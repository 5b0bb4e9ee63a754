-- name: end
-- Keep until when a session that was ended would have held, announce it, and forget those whose time is over.
WITH ended AS (
    INSERT INTO pipemap.ended_session (session_id, until) VALUES (%(session_id)s, %(until)s)
    ON CONFLICT (session_id) DO NOTHING),
     over AS (DELETE FROM pipemap.ended_session WHERE until < now())
SELECT pg_notify('pipemap_session', '')

-- name: ended
-- Sessions that were ended and would still hold.
SELECT session_id FROM pipemap.ended_session WHERE until >= now()
