"""Compress one image in memory. The codec does not use the runner's other packages."""
