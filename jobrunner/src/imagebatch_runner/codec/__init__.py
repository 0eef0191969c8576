"""Compress one image in memory. It knows nothing of the other folders."""
