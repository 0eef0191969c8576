"""The steps as processes of pods."""
