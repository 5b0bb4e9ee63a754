"""Questions that follow the pipes of a `pipemap.network.Network`.

`isolation` answers for a burst: `zones` contracts the network at its valves, `cuts` says what a cut isolates and
dries (`dominators` holds the graph theory), `warnings` what the answer rests on, `places` which pipe was meant;
`columns` makes networks from plain arrays.
"""
