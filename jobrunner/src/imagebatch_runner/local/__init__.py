"""The whole program on one machine, without a cluster."""
