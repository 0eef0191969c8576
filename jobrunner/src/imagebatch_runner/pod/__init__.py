"""Run the steps as processes in pods."""
