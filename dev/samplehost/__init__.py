"""An HTTP server of sample photographs that also receives webhooks, for demo and tests only."""
