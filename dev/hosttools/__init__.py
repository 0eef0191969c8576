"""Running programs, installing packages, locks, ports: shared by the packages of ``dev/``."""
