"""One writer per file format of export packages: rows as the core streams them in, files out."""
