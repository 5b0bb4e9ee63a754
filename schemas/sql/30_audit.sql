-- The audit log: append-only, each entry chained to the one before it by SHA-256.

CREATE SCHEMA IF NOT EXISTS pipemap_app;

-- What an entry's hash covers: five netstrings (byte length, colon, text), then the previous hash.
-- Lengths make the text unambiguous, so no two different entries can share their bytes.
CREATE FUNCTION pipemap_app.audit_hash(
    seq bigint, at timestamptz, actor text, action text, details text, prev_hash bytea
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(
    (
        SELECT convert_to(string_agg(octet_length(part) || ':' || part, '' ORDER BY place), 'UTF8')
        FROM unnest(ARRAY[
            seq::text,
            to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            actor, action, details
        ]) WITH ORDINALITY AS parts (part, place)
    ) || prev_hash
);

-- Append one entry in the caller's transaction; a second writer waits until the first commits,
-- so call it last. The head row is what tells a truncated log from a short one.
CREATE FUNCTION pipemap_app.audit(actor text, action text, details jsonb)
RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head pipemap.audit_head;
    entry pipemap.audit_log;
BEGIN
    INSERT INTO pipemap.audit_head (seq, hash) VALUES (0, sha256('')) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT head FROM pipemap.audit_head FOR UPDATE;
    entry.seq := head.seq + 1;
    entry.at := clock_timestamp();
    entry.actor := audit.actor;
    entry.action := audit.action;
    entry.details := audit.details::text;
    entry.prev_hash := head.hash;
    entry.hash := pipemap_app.audit_hash(
        entry.seq, entry.at, entry.actor, entry.action, entry.details, entry.prev_hash
    );
    INSERT INTO pipemap.audit_log VALUES (entry.*);
    UPDATE pipemap.audit_head SET seq = entry.seq, hash = entry.hash;
END $$;

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
