"""Adapters for the two systems that the gateway uses: the API server and the object store."""
