"""Turns an upload into an object in the store and an ImageBatch."""
