-- What an agency's questions are put to: the views of 20_sharing.sql in the shape of the tables, so that sections,
-- clearances and counts run on them as they do on the map. Nothing is read here but those views.
-- What is not granted is null or, where the map always has a value, unknown. An end whose node is not told stands for
-- its place: segments that are seen to meet are joined, and no number tells of a node that is hidden.

-- Below zero, as no identity is; a segment in several parts has no end, and counts as `otherwise`: ST_PointN finds none
-- there, while ST_StartPoint, unlike ST_EndPoint, gives that of the first part.
CREATE FUNCTION pipemap_share.place_id(otherwise bigint, place geometry) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN -3 - (hashtextextended(coalesce(ST_AsText(ST_Force2D(place), 3), otherwise::text), 0) & (1::bigint << 61) - 1);

DO $make_views$
DECLARE
    kind text;
    shown regclass;
    columns text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['node', 'pipe_segment', 'consumer', 'structure'] LOOP
        shown := to_regclass('pipemap_share.' || kind);
        SELECT string_agg(format(
            CASE
                WHEN v.attname IS NULL THEN 'NULL::' || format_type(c.atttypid, c.atttypmod)
                WHEN c.attname = 'source_key' THEN 'coalesce(f.%1$I, '''')'
                WHEN c.attname IN ('shape_code', 'depth_datum_code', 'elevation_source_code')
                    THEN 'coalesce(f.%1$I, ''unknown'')'
                WHEN c.attname = 'from_node_id'
                    THEN 'coalesce(f.%1$I, pipemap_share.place_id(f.feature_id, ST_PointN(f.geom, 1)))'
                WHEN c.attname = 'to_node_id'
                    THEN 'coalesce(f.%1$I, pipemap_share.place_id(-f.feature_id, ST_PointN(f.geom, -1)))'
                ELSE 'f.%1$I'
            END || ' AS %1$I', c.attname), ', ' ORDER BY c.attnum)
        INTO columns
        FROM pg_attribute AS c
        LEFT JOIN pg_attribute AS v ON v.attrelid = shown AND v.attname = c.attname
        WHERE c.attrelid = ('pipemap.' || kind)::regclass AND c.attnum > 0 AND NOT c.attisdropped;

        EXECUTE format(
            'CREATE VIEW pipemap_share.%I AS SELECT %s FROM %s AS f', 'asked_' || kind, columns,
            coalesce(shown::text, '(SELECT WHERE false)')
        );
    END LOOP;
END
$make_views$;

-- Questions also ask in which coordinate system the map is.
GRANT USAGE ON SCHEMA pipemap TO pipemap_agency;
GRANT SELECT ON pipemap.project TO pipemap_agency;
GRANT SELECT ON ALL TABLES IN SCHEMA pipemap_share TO pipemap_agency;
