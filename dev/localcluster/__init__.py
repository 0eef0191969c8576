"""A real single-node Kubernetes for a bare Linux machine without Docker."""
