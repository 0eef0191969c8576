"""Random lives of batches: the real reconciler, a cluster in memory, and whatever may happen."""
