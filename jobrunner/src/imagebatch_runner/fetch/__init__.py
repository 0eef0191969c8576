"""Fetch images from hosts, from S3 and from this machine."""
