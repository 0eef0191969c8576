# One file, one target per component: runner, gateway, operator, and devtools (S3 and sample image
# host of the demo and the tests). Build from the repository's root:
#
#   docker build --target runner --tag imagebatch/runner .
#
# BASE_IMAGE holds Python 3.11 or newer with venv; where there is no Docker, `imagebuild` makes one
# from Debian packages (dev/imagebuild).
#
# A host behind a proxy with a certificate authority of its own passes its bundle, and pip's
# settings where it has any, as secrets. They exist while a RUN lasts and are in no layer:
#
#   --secret id=ca_bundle,src=/etc/ssl/certs/ca-certificates.crt --secret id=pip_conf,src=pip.conf
ARG BASE_IMAGE=python:3.11-slim-bookworm

# ---- what every build stage starts from ----------------------------------------------------------
FROM ${BASE_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1
COPY requirements/install.sh requirements/build.txt /src/requirements/
RUN --mount=type=secret,id=ca_bundle --mount=type=secret,id=pip_conf \
    sh /src/requirements/install.sh environments

# ---- what every image starts from ----------------------------------------------------------------
FROM ${BASE_IMAGE} AS base
ENV PATH=/opt/imagebatch/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
LABEL org.opencontainers.image.title="ImageBatch" \
      org.opencontainers.image.description="Batch image compression native to Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /
# A number, so that runAsNonRoot can be checked without reading the image's passwd.
USER 65532:65532

# ---- runner --------------------------------------------------------------------------------------
FROM builder AS runner-build
COPY requirements/runner.txt requirements/native.txt /src/requirements/
RUN --mount=type=secret,id=ca_bundle --mount=type=secret,id=pip_conf \
    sh /src/requirements/install.sh shipped runner && sh /src/requirements/install.sh builder native
COPY core /src/core
COPY jobrunner /src/jobrunner
RUN IMAGEBATCH_NATIVE=required sh /src/requirements/install.sh components core jobrunner

FROM base AS runner
COPY --from=runner-build /opt/imagebatch /opt/imagebatch
ENTRYPOINT ["imagebatch-runner"]

# ---- gateway, with the sweeper: the two that hold S3 keys and read ImageBatches ------------------
FROM builder AS gateway-build
COPY requirements/gateway.txt /src/requirements/
RUN --mount=type=secret,id=ca_bundle --mount=type=secret,id=pip_conf \
    sh /src/requirements/install.sh shipped gateway
COPY core /src/core
COPY gateway /src/gateway
COPY sweep /src/sweep
RUN sh /src/requirements/install.sh components core gateway sweep

FROM base AS gateway
COPY --from=gateway-build /opt/imagebatch /opt/imagebatch
EXPOSE 8080
ENTRYPOINT ["imagebatch-gateway"]

# ---- operator ------------------------------------------------------------------------------------
FROM builder AS operator-build
COPY requirements/operator.txt /src/requirements/
RUN --mount=type=secret,id=ca_bundle --mount=type=secret,id=pip_conf \
    sh /src/requirements/install.sh shipped operator
COPY core /src/core
COPY operator /src/operator
RUN sh /src/requirements/install.sh components core operator

FROM base AS operator
COPY --from=operator-build /opt/imagebatch /opt/imagebatch
ENTRYPOINT ["imagebatch-operator"]

# ---- devtools: never part of an installation -----------------------------------------------------
FROM builder AS devtools-build
COPY requirements/devtools.txt /src/requirements/
RUN --mount=type=secret,id=ca_bundle --mount=type=secret,id=pip_conf \
    sh /src/requirements/install.sh shipped devtools
COPY dev/samplehost /opt/samplehost
# The photographs come with scikit-image; once they are drawn, it and what it needs stay behind.
RUN set -eu; \
    /opt/imagebatch/bin/python3 /opt/samplehost draw --out /opt/photos; \
    /opt/builder/bin/pip --python /opt/imagebatch/bin/python3 uninstall --quiet --yes \
        scikit-image scipy numpy networkx imageio tifffile lazy-loader packaging pillow

FROM base AS devtools
COPY --from=devtools-build /opt/imagebatch /opt/imagebatch
COPY --from=devtools-build /opt/samplehost /opt/samplehost
COPY --from=devtools-build /opt/photos /opt/photos
EXPOSE 8080 8333
ENTRYPOINT ["python3", "/opt/samplehost", "serve", "--photos", "/opt/photos"]
