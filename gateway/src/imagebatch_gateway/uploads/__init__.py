"""Turns uploads into objects in the store and ImageBatches."""
