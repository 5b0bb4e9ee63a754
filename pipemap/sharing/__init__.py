"""What other agencies may read: `agreements`, granted `items`, `exchange` packages made of `layers`, `audit`."""
