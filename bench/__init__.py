"""Speed as ratios: each line of the table pairs us with a peer or a floor measured in the same run."""
