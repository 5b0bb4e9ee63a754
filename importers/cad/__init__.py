"""Drawings: DXF groups into entities, and what their data, layers, blocks and texts tell."""
