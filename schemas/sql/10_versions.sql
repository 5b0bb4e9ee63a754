-- The state of the map at a version, and as it would be with a changeset applied.
-- Every function is one STABLE SELECT, so the planner inlines it: a filter on geom put on the call
-- reaches the GiST index of the current table and, with the version, that of the history.
CREATE SCHEMA pipemap_app;

DO $make_functions$
DECLARE
    kind text;
    columns text;
    proposed text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['node', 'pipe_segment', 'consumer', 'structure'] LOOP
        -- In the table's own order, as its row type demands: migrations add columns behind the others.
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum),
               string_agg(CASE attname WHEN 'valid_from_version' THEN 'NULL::integer' ELSE quote_ident(attname) END,
                          ', ' ORDER BY attnum)
        INTO columns, proposed
        FROM pg_attribute
        WHERE attrelid = ('pipemap.' || quote_ident(kind))::regclass AND attnum > 0 AND NOT attisdropped;

        EXECUTE replace(replace($function$
            CREATE FUNCTION pipemap_app.{kind}_as_of(version integer) RETURNS SETOF pipemap.{kind}
            LANGUAGE sql STABLE PARALLEL SAFE AS $body$
                SELECT {columns}
                FROM pipemap.{kind}
                WHERE valid_from_version <= version
                UNION ALL
                SELECT {columns}
                FROM pipemap.{kind}_history
                WHERE int4range(valid_from_version, valid_to_version) @> version
            $body$
        $function$, '{kind}', kind), '{columns}', columns);

        -- Current minus what an unpublished changeset touches, plus the states it proposes.
        EXECUTE replace(replace(replace($function$
            CREATE FUNCTION pipemap_app.{kind}_in_changeset(changeset integer) RETURNS SETOF pipemap.{kind}
            LANGUAGE sql STABLE PARALLEL SAFE AS $body$
                SELECT {columns}
                FROM pipemap.{kind} AS untouched
                WHERE NOT EXISTS (
                    SELECT FROM pipemap.{kind}_delta AS delta
                    WHERE delta.changeset_id = changeset AND delta.feature_id = untouched.feature_id)
                UNION ALL
                SELECT {proposed}
                FROM pipemap.{kind}_delta
                WHERE changeset_id = changeset AND op <> 'delete'
            $body$
        $function$, '{kind}', kind), '{columns}', columns), '{proposed}', proposed);
    END LOOP;
END
$make_functions$;
