-- name: drawn_pipes
-- Plan axes of today's map in a box, the wanted classes first.
SELECT class_code, ST_AsBinary(ST_Force2D(geom)) AS axis
FROM pipemap.pipe_segment
WHERE geom && ST_MakeEnvelope(%(low_x)s, %(low_y)s, %(high_x)s, %(high_y)s, (SELECT srid FROM pipemap.project))
ORDER BY class_code = ANY (%(class_codes)s) DESC
LIMIT %(limit)s
