"""Is there still pressure after a cut: one pressure-driven step of EPANET on the network that a burst leaves.

`facts` reads what the arrays of `pipemap.network` do not hold (elevations, demands, heads, pump curves), `hydraulics`
makes a hydraulic model of them and counts what it had to assume, `running` has the engine (`engine`, through WNTR)
reckon it in a process of its own, `asking` takes the question and puts the answer together.
"""
