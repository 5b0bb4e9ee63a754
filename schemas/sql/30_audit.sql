-- The audit log: append-only, each entry chained to the one before it by SHA-256. Every agency has a chain of its own,
-- so that agencies do not wait for one another; what staff do is the chain without a name.

CREATE SCHEMA IF NOT EXISTS pipemap_app;

-- What an entry's hash covers: five netstrings (byte length, colon, text), then the previous hash, which for a first
-- entry is that of the chain's name. Lengths make the text unambiguous, so no two different entries share their bytes.
CREATE FUNCTION pipemap_app.audit_hash(
    seq bigint, at timestamptz, actor text, action text, details text, prev_hash bytea
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(
    octet_length(seq::text) || ':' || seq::text
    || '27:' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    || octet_length(actor) || ':' || actor
    || octet_length(action) || ':' || action
    || octet_length(details) || ':' || details,
    'UTF8'
) || prev_hash);

-- Append entries to one chain in the caller's transaction; a second writer to the chain waits until the first commits,
-- so call it last. The head row is what tells a truncated chain from a short one.
CREATE FUNCTION pipemap_app.audit_append(chain text, actors text[], actions text[], details text[])
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head pipemap.audit_head;
    entry pipemap.audit_log;
BEGIN
    SELECT * INTO head FROM pipemap.audit_head AS h WHERE h.chain = audit_append.chain FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO pipemap.audit_head (chain, seq, hash)
        VALUES (audit_append.chain, 0, sha256(convert_to(audit_append.chain, 'UTF8'))) ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT head FROM pipemap.audit_head AS h WHERE h.chain = audit_append.chain FOR UPDATE;
    END IF;
    FOR place IN 1 .. cardinality(actors) LOOP
        entry.chain := head.chain;
        entry.seq := head.seq + 1;
        entry.at := clock_timestamp();
        entry.actor := actors[place];
        entry.action := actions[place];
        entry.details := audit_append.details[place]::jsonb::text;
        entry.prev_hash := head.hash;
        entry.hash := pipemap_app.audit_hash(
            entry.seq, entry.at, entry.actor, entry.action, entry.details, entry.prev_hash
        );
        INSERT INTO pipemap.audit_log (chain, seq, at, actor, action, details, prev_hash, hash)
        VALUES (
            entry.chain, entry.seq, entry.at, entry.actor, entry.action, entry.details, entry.prev_hash, entry.hash
        );
        head.seq := entry.seq;
        head.hash := entry.hash;
    END LOOP;
    UPDATE pipemap.audit_head AS h SET seq = head.seq, hash = head.hash WHERE h.chain = head.chain;
END $$;

-- One entry of what staff did.
CREATE FUNCTION pipemap_app.audit(actor text, action text, details jsonb) RETURNS void LANGUAGE sql
BEGIN ATOMIC
    SELECT pipemap_app.audit_append('', ARRAY[actor], ARRAY[action], ARRAY[details::text]);
END;

CREATE FUNCTION pipemap_app.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'insufficient_privilege',
        MESSAGE = 'the audit log is append-only: ' || TG_OP || ' on ' || TG_TABLE_NAME || ' refused';
END $$;

CREATE TRIGGER audit_log_is_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON pipemap.audit_log
FOR EACH STATEMENT EXECUTE FUNCTION pipemap_app.refuse_change();

CREATE TRIGGER audit_head_stays
BEFORE DELETE OR TRUNCATE ON pipemap.audit_head
FOR EACH STATEMENT EXECUTE FUNCTION pipemap_app.refuse_change();
