"""What is known of a request: its resource, its progress, its results."""
