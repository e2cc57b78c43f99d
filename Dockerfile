# The service in a container: docker build --tag lossgrid . && docker run --rm -p 127.0.0.1:8000:8000 lossgrid
# With what sends traces: --build-arg REQUIREMENTS=telemetry
# A deployment that wants to be sure of its base gives it by digest: --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.13-slim

# --- the virtual environment: locked, hashed, wheels only, without pip --------------------------------------------
FROM ${PYTHON_IMAGE} AS environment

ARG REQUIREMENTS=runtime
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
COPY requirements/${REQUIREMENTS}.txt /tmp/requirements.txt
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --require-hashes --only-binary :all: --no-compile \
        --requirement /tmp/requirements.txt
# NumPy ships its own test suite, and nothing imports it.
RUN find /venv/lib -type d -name tests -path '*/numpy/*' -prune -exec rm -r {} + \
    && /venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib

# --- the service --------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE}

# One computation per thread of the service: BLAS threads of its own would only fight them for the cores.
# Two malloc arenas: large bodies come and go on several threads, and glibc keeps one high-water mark per arena.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    MALLOC_ARENA_MAX=2 \
    LOSSGRID_HOST=0.0.0.0

COPY --from=environment /venv /venv
WORKDIR /lossgrid
COPY LICENSE pyproject.toml ./
COPY app app
# Proves that the service starts from what is here, and leaves the bytecode of all that it imports (the base image has
# none for the standard library), since at run time nothing is written and the root file system may be read-only.
RUN python -m compileall -q app && python -c "import app.health_probe, app.main, app.server; app.main.create_app()"
ENV PYTHONDONTWRITEBYTECODE=1

# By number, so that a cluster can see without a passwd file that it is not root.
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-m", "app.health_probe"]
CMD ["python", "-m", "app"]

LABEL org.opencontainers.image.title="Lossgrid" \
      org.opencontainers.image.description="Every way in which the loss of an autoencoder's batch can be reduced, exactly, over HTTP." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
