"""The rules, one small function each; a module put here is found by the registry."""
