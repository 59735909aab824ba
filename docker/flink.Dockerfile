# The image of the Flink jobs, from the root of the checkout:
#   docker build -f docker/flink.Dockerfile -t luftstrom/flink-jobs:0.1.0 .
# It runs as it is under Flink's Kubernetes operator (native mode, PythonDriver, `-pym flink_jobs`), and
# without it as one process: `python -m flink_jobs all`.
# BASE_IMAGE: a Debian or Ubuntu with Python 3.11 as python3, its venv, and CA certificates.
ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS tools
# CAs are those of the base, for networks that have one of their own.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_SYSTEM_CERTS=1 UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY locks/uv.txt locks/
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-deps --require-hashes -r locks/uv.txt

FROM tools AS rooms
COPY . .
RUN /opt/uv/bin/uv build --quiet --wheel --python /opt/uv/bin/python \
       --build-constraints locks/all.txt --require-build-hashes \
    && /opt/uv/bin/uv pip install --quiet --no-deps --target /opt/rooms --python /opt/uv/bin/python dist/*.whl

FROM tools AS jars
COPY locks/jgo.txt locks/
RUN /opt/uv/bin/pip install --quiet --no-deps --require-hashes -r locks/jgo.txt
COPY docker/jars.py docker/
COPY local_stack/java local_stack/java
RUN export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
    && mkdir -p /opt/jars/lib /opt/jars/plugins/s3 \
    && /opt/uv/bin/python docker/jars.py local_stack/java/flink-connector.lock.toml /opt/jars/lib \
    && /opt/uv/bin/python docker/jars.py local_stack/java/flink-s3.lock.toml /opt/jars/plugins/s3

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="luftstrom flink-jobs" \
      org.opencontainers.image.description="The Flink jobs of Luftstrom: split and aggregate." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# man pages are not there in slim images, and Java's package wants to link its own.
# hadolint ignore=DL3008
RUN mkdir -p /usr/share/man/man1 && apt-get update -qq \
    && apt-get install -qq -y --no-install-recommends openjdk-17-jre-headless > /dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/share/man/* /usr/share/doc/* \
    && ln -s "$(dirname "$(dirname "$(readlink -f /usr/bin/java)")")" /opt/java \
    && groupadd --gid 9999 flink && useradd --uid 9999 --gid 9999 --no-create-home --home-dir /opt/flink flink
COPY locks/uv.txt locks/flink-jobs.txt /opt/luftstrom/locks/
# Flink's home is taken out of the package; the package finds it by links, and its own jars stay there once.
RUN export PIP_CERT=/etc/ssl/certs/ca-certificates.crt UV_SYSTEM_CERTS=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r /opt/luftstrom/locks/uv.txt \
    && python3 -m venv --without-pip /opt/luftstrom \
    && /opt/uv/bin/uv pip sync --quiet --no-cache --require-hashes \
       --python /opt/luftstrom/bin/python /opt/luftstrom/locks/flink-jobs.txt \
    && rm -rf /opt/uv \
    && package=/opt/luftstrom/lib/python3.11/site-packages/pyflink && mkdir -p /opt/flink \
    && for part in bin lib opt conf plugins licenses; do \
         if [ -e "$package/$part" ]; then mv "$package/$part" /opt/flink/ && ln -s "/opt/flink/$part" "$package/$part"; fi; \
       done \
    && rm -rf "$package/examples" && find /opt/luftstrom -type d -name tests -prune -exec rm -rf {} + \
    && find /opt/luftstrom -name '*.pyx' -delete && chmod 755 /opt/flink/bin/* \
    && mkdir -p /opt/flink/log /opt/flink/usrlib && chown -R 9999:9999 /opt/flink
COPY --from=jars --chown=9999:9999 /opt/jars /opt/flink
COPY docker/flink-entrypoint.sh /docker-entrypoint.sh
# No Python function runs in a worker, so what would start one is not there: PyFlink must not look for it.
ENV _python_worker_execution_mode=process
ENV FLINK_HOME=/opt/flink JAVA_HOME=/opt/java FLINK_LOG_DIR=/tmp \
    PATH=/opt/luftstrom/bin:/opt/flink/bin:/opt/java/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/rooms PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    FLINK_JOBS_CONNECTOR_JARS_DIR=/opt/flink/lib FLINK_JOBS_STATE_DIR=/var/lib/luftstrom \
    FLINK_JOBS_CACHE_DIR=/var/lib/luftstrom/cache FLINK_JOBS_REST_PORT=8081 FLINK_JOBS_METRICS_PORT=9249
# What changes most comes last.
COPY --from=rooms /opt/rooms /opt/rooms
USER 9999:9999
WORKDIR /opt/flink
STOPSIGNAL SIGTERM
# Flink's REST interface, in both ways to run it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=6 \
    CMD ["python", "-m", "runtime.health_check", "--port", "8081", "--path", "/jobs/overview"]
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["python", "-m", "flink_jobs", "all"]
