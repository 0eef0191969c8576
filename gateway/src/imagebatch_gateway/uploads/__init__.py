"""From a form with a CSV to an object and an ImageBatch."""
