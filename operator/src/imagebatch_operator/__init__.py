"""ImageBatch: the operator."""
