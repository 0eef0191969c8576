"""Tells the receiver of a batch how it ended."""
