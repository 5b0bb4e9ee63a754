"""From records to features of the model: attributes, codes, heights, joins, and the account of every row."""
