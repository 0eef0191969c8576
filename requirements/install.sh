#!/bin/sh
# What the build stages of the Dockerfile share. pip lies in /opt/builder; /opt/imagebatch, the
# environment that is shipped, has none.
#
#   install.sh environments   make both, and install build.txt into the first
#   install.sh builder NAME   install requirements/NAME.txt into /opt/builder
#   install.sh shipped NAME   install requirements/NAME.txt into /opt/imagebatch, wheels only
#   install.sh components F…  build the distributions in /src/F… and install them into /opt/imagebatch
set -eu

# Settings of the host, given as secrets: they exist while a RUN lasts.
if [ -s /run/secrets/ca_bundle ]; then export PIP_CERT=/run/secrets/ca_bundle; fi
if [ -s /run/secrets/pip_conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip_conf; fi

pip() { /opt/builder/bin/pip "$@"; }
shipped() { pip --python /opt/imagebatch/bin/python3 install --no-cache-dir "$@"; }

action=$1
shift
case $action in
environments)
  python3 -m venv /opt/builder
  python3 -m venv --without-pip /opt/imagebatch
  pip install --no-cache-dir --require-hashes -r /src/requirements/build.txt
  ;;
builder)
  pip install --no-cache-dir --require-hashes -r "/src/requirements/$1.txt"
  ;;
shipped)
  shipped --require-hashes --only-binary :all: -r "/src/requirements/$1.txt"
  ;;
components)
  for folder in "$@"; do
    pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /src/wheels "/src/$folder"
  done
  shipped --no-deps --no-index /src/wheels/*.whl
  ;;
*)
  echo "install.sh: no such action: $action" >&2
  exit 2
  ;;
esac
