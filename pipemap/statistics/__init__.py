"""How much there is of what: length, number, age, material and depth, by class, owner, district and version."""
