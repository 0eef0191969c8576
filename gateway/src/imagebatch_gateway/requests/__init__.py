"""Reads requests: their resources, their progress and their results."""
