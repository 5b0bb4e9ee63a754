"""Survey data in: one reader per format, and one normaliser that all of them feed."""
