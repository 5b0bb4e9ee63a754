-- name: since
-- Say for this transaction from which version on what has changed is asked.
SELECT set_config('pipemap.since', %(since)s::int::text, true)

-- name: touched
-- The last of the next so many features of a kind that a publish after one version and up to another touched; null when
-- there is none. The agreement's area counts where places are shown as they are.
SELECT max(t.feature_id) AS upto
FROM (
    SELECT feature_id
    FROM (
        (
            SELECT feature_id FROM {current}
            WHERE valid_from_version > %(since)s AND valid_from_version <= %(version)s
              AND feature_id > %(after)s AND {in_area}
            ORDER BY feature_id LIMIT %(limit)s
        )
        UNION
        (
            SELECT DISTINCT feature_id FROM {history}
            WHERE (valid_from_version > %(since)s AND valid_from_version <= %(version)s
                   OR valid_to_version > %(since)s AND valid_to_version <= %(version)s)
              AND feature_id > %(after)s AND {in_area}
            ORDER BY feature_id LIMIT %(limit)s
        )
    ) AS either
    ORDER BY feature_id
    LIMIT %(limit)s
) AS t

-- name: in_area
-- Not by the index of places (`IS TRUE` keeps it out): what has changed is found sooner by the indexes of versions.
(geom && (SELECT area FROM pipemap.agreement WHERE agreement_id = %(agreement_id)s)) IS TRUE

-- name: changes
-- What differs between two versions as far as it is shown, of features of a kind in a range of identities: so many, and
-- whether there are more.
SELECT
    coalesce(max(t.place), 0) > %(limit)s AS has_more,
    max(t.feature_id) FILTER (WHERE t.place <= %(limit)s) AS last,
    count(*) FILTER (WHERE t.place <= %(limit)s AND t.op = 'added') AS added,
    count(*) FILTER (WHERE t.place <= %(limit)s AND t.op = 'changed') AS changed,
    count(*) FILTER (WHERE t.place <= %(limit)s AND t.op = 'removed') AS removed,
    coalesce(string_agg(t.feature_id || E'\n', '' ORDER BY t.place) FILTER (WHERE t.place <= %(limit)s), '') AS ids,
    {written}
FROM (
    SELECT d.*, row_number() OVER (ORDER BY d.feature_id) AS place
    FROM (
        SELECT
            feature_id, now.feature,
            CASE WHEN before.feature IS NULL THEN 'added' WHEN now.feature IS NULL THEN 'removed' ELSE 'changed' END AS op
        FROM ({before}) AS before
        FULL JOIN ({now}) AS now USING (feature_id)
        WHERE before.feature IS DISTINCT FROM now.feature
        ORDER BY feature_id
        LIMIT %(limit)s + 1
    ) AS d
) AS t

-- name: as_changes
-- Members of an array of JSON.
coalesce(string_agg(
    '{{"op":"' || t.op || '","kind":"' || {kind} || '","id":' || t.feature_id || ',"feature":' || coalesce(t.feature, 'null') || '}}',
    ',' ORDER BY t.place
) FILTER (WHERE t.place <= %(limit)s), '') AS changes

-- name: as_lines
-- What is there now as GeoJSON by line, and what is gone as lines of a table.
coalesce(string_agg(t.feature || E'\n', '' ORDER BY t.place) FILTER (WHERE t.place <= %(limit)s), '') AS features,
coalesce(string_agg({kind} || ',' || t.feature_id || E'\n', '' ORDER BY t.place)
    FILTER (WHERE t.place <= %(limit)s AND t.op = 'removed'), '') AS gone

-- name: as_counts
NULL AS written

-- name: features
-- What a view shows of features in a range of identities, as GeoJSON text.
SELECT f.feature_id, {feature} AS feature
FROM {relation} AS f
WHERE f.feature_id > %(after)s AND f.feature_id <= %(upto)s
