"""The decisions: pure functions of the batch, its Jobs and the time."""
