"""Access to the object store, and the documents of a batch that lie in it."""
