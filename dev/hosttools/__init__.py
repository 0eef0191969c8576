"""Tools that the packages of ``dev/`` share: run programs, install packages, locks, ports."""
