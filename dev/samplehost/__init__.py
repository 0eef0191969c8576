"""A host of sample photographs that also receives webhooks: for the demo and the tests only."""
