"""Many edits: jobs, their order, the cache, what is told about them."""
