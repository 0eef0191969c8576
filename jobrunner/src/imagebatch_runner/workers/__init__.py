"""The worker processes that decode untrusted images."""
