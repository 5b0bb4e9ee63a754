"""HTTP in, core call, HTTP out."""
