"""ImageBatch: the runner."""
