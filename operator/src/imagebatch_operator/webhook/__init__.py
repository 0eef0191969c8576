"""Send the webhook that tells a receiver how a batch ended."""
