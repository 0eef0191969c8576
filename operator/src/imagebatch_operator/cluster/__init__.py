"""Everything that talks to the Kubernetes API: client, watches, cache, work queue and writes."""
