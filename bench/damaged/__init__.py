"""A mutation fuzzer for every reader: damaged deliveries, and what becomes of them."""
