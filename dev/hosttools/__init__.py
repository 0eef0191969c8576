"""What building images and running a cluster on this machine share: programs, packages, locks."""
