"""Image in memory to image in memory; knows nothing of the other folders."""
