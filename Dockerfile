# The operator's image; docs/image.md says how to build it and what is in it.
# No `# syntax` line: it is built with and without BuildKit, also where nothing can be pulled.
ARG BASE=python:3.13-slim-trixie
# The same Python with pip, where BASE itself has no pip.
ARG BUILD_BASE=${BASE}


FROM ${BUILD_BASE} AS dependencies
# Where pip finds packages is the builder's own affair: nothing of it reaches the image.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_CERT
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv --without-pip /opt/kaitu
COPY requirements/runtime.txt /build/
RUN python3 -m pip --python /opt/kaitu/bin/python3 install \
    --no-compile --require-hashes --only-binary=:all: -r /build/runtime.txt
COPY image/slim.py image/layer /build/
RUN python3 /build/slim.py /opt/kaitu && /build/layer /opt/kaitu /layers/dependencies


FROM dependencies AS application
COPY requirements/build.txt /build/
RUN python3 -m pip install --target /build/tools \
    --require-hashes --only-binary=:all: -r /build/build.txt
COPY pyproject.toml README.md /build/source/
COPY operator /build/source/operator
RUN PYTHONPATH=/build/tools python3 -m pip wheel \
    --no-build-isolation --no-deps -w /build/wheels /build/source
RUN python3 -m pip --python /opt/kaitu/bin/python3 install \
    --no-compile --no-index --no-deps --root /build/root /build/wheels/*.whl \
    && /build/layer /build/root/opt/kaitu /layers/application


# What is really installed, asked of the finished file system.
FROM ${BASE} AS sbom
COPY --from=dependencies /layers/dependencies /
COPY --from=application /layers/application /
COPY image/sbom.py image/layer /build/
RUN mkdir -p /build/kaitu && python3 -B /build/sbom.py /opt/kaitu >/build/kaitu/sbom.cdx.json \
    && /build/layer /build/kaitu /layers/sbom


FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
ARG BASE
LABEL org.opencontainers.image.title="kaitu-operator" \
      org.opencontainers.image.description="Keeps a fleet of remote VPN nodes as they are described" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=dependencies /layers/dependencies /
COPY --from=application /layers/application /
COPY --from=sbom /layers/sbom /
ENV PATH=/opt/kaitu/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/nonexistent PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["/opt/kaitu/bin/kaitu-operator", "run"]
CMD []
