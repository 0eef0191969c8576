"""The Kubernetes API: client, watches, cache, work queue, and what is written there."""
