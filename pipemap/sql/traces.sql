-- name: features
-- Segments or nodes as GeoJSON features, joined by commas in the order given, each with its part in the trace; what the
-- map does not have is left out.
SELECT string_agg(
           '{{"type":"Feature","id":' || feature_id
           || ',"geometry":' || ST_AsGeoJSON({geometry}, %(digits)s, 0)
           || ',"properties":' || jsonb_build_object(
               'kind', %(kind)s::text, 'role', role, 'source_key', source_key,
               'class_code', {class_code})::text
           || '}}',
           ',' ORDER BY place
       ) AS features
FROM unnest(%(ids)s::bigint[], %(roles)s::text[]) WITH ORDINALITY AS wanted (feature_id, role, place)
JOIN {relation} AS f USING (feature_id)
