"""The steps of a batch: plan, compress, collect."""
