-- name: grounds
-- Ground elevation of every node, null where unknown.
SELECT feature_id, ground_elevation_m FROM {relation} AS node

-- name: stated_segments
-- What a delivered model states of segments beside the attributes of the map.
SELECT feature_id,
       {length_m} AS length_m,
       {roughness} AS roughness,
       {minor_loss} AS minor_loss,
       array_position({formulas}, extra->>'head_loss') AS formula
FROM {relation} AS pipe_segment
WHERE extra ?| ARRAY['length_m', 'roughness', 'minor_loss']

-- name: devices
-- Sources and devices with what a delivered model states of them.
SELECT feature_id,
       {head_m} AS head_m,
       {bottom_elevation_m} AS bottom_elevation_m,
       {level_m} AS level_m,
       {setting_m} AS setting_m,
       {setting_m3_per_d} AS setting_m3_per_d,
       {power_kw} AS power_kw,
       {speed} AS speed,
       extra->>'pump_curve' AS pump_curve,
       extra->>'type' = 'PUMP' AND extra->>'status' = 'closed' AS is_off
FROM {relation} AS node
WHERE appurtenance_code IS NOT NULL AND extra ?| ARRAY['head_m', 'bottom_elevation_m', 'setting_m', 'setting_m3_per_d',
                                                       'power_kw', 'speed', 'pump_curve']

-- name: demands
-- Mean demand of every consumer, null where unknown.
SELECT feature_id, demand_m3_per_d FROM {relation} AS consumer

-- name: named_consumers
-- What people call some consumers, and where they are found.
SELECT feature_id, coalesce(name, source_key) AS name, address, kind_code
FROM {relation} AS consumer
WHERE feature_id = ANY(%(ids)s)
