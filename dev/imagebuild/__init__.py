"""Build the images of this repository, with Docker or else with buildah and Debian packages."""
