"""The two systems behind the gateway: the API server and the object store."""
