"""The contract: what a feature is, in tables, code tables, findings, deltas and answers.

Four kinds of schema live here: database tables (`tables/`, `migrations/`, `sql/`), code tables
(`codes/*.csv`), limits read from standards (`limits/*.csv`) and the types that cross a room's
border (`findings.py`, `delivery.py`, `answers.py`).
"""
