"""The command ``imagebatch``."""
