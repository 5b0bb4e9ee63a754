"""Questions that follow the pipes of a `pipemap.network.Network`.

Bursts, from the bottom up: `ports` says where devices part the pipes of a group of classes, `zones` contracts the
network there (`dominators` has the graph theory), `sites` is where something has burst, `cuts` says what a cut isolates
and dries (`floods` has the walks) and what exactly is meant, `dependants` whom it takes the supply from.

On a cut: `walking` orders its valves, `effects` counts what it takes from whom (`toll`, `hydrants`, `drainage`,
`frayed`), `alternatives` has the plans should a valve fail or hold, `backfeed` what opening a closed one gives back,
`surroundings` what else lies there, `warnings` what it all rests on. `isolation` puts the answer together, `asking`
takes the question as people put it. `criticality` answers for all segments at once, `shutdowns` for planned cuts that
overlap. `places` finds what was meant, `describing` names things, `columns` makes networks from plain arrays.

Every other trace begins at a `starts.Start` and answers a `schemas.traces.TraceAnswer`; `drawing` makes it GeoJSON.
`arcs` has its walks. Sewers: `gravity` says which way every pipe runs (`pits` where the water has no other way out),
`flows` walks that, `flow_stops` says where a walk ends and why, `flow_notes` what it rests on, `travel` how long water
takes; `sewers` answers. `connectivity` answers for what is joined, `bridging` finds what alone joins it.

`tiers` tells of a gas burst what each pressure tier loses; `pairing` finds supply and return of heat, `pairs` takes
both out. `leaks` has the enclosed spaces near a leak. `circuits` reads what cables belong to and lie in, `losses` what
a cut takes from one circuit, `outages` puts the list together; `served` are points that consume.
"""
