"""A whole installation for the demo and the tests: cluster, images, chart, S3 and sample host."""
