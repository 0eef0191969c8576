"""Run a whole batch on one machine, without a cluster."""
