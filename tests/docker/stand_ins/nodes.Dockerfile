# Stands in for the images of Kafka, InfluxDB and Valkey on the nodes of tests/kubernetes: `Dockerfile` beside
# this one, and Valkey. For tests alone.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY valkey-server valkey-cli /usr/local/bin/
