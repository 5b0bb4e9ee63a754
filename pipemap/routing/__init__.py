"""Planned pipes: one that is drawn becomes a draft changeset, and one that is wished for gets its route proposed."""
