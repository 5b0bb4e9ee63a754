"""Work that outlasts a request: a `queue` on our own PostgreSQL, `exports` in it, the `worker` that does them."""
