"""Set up a whole installation for demo and tests: cluster, images, chart, S3 and sample host."""
