"""`make demo`: a whole installation on a cluster of its own, and the main job on it."""
