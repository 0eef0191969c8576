"""ImageBatch: the gateway."""
