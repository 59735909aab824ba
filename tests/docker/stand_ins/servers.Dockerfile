# Stands in for the images of Kafka, InfluxDB and Valkey on the nodes of tests/kubernetes: the same servers,
# over the image of the Flink jobs, which has Java and is there already. For tests alone.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY kafka /opt/kafka/libs
COPY valkey-server valkey-cli influxd /usr/local/bin/
ENTRYPOINT []
CMD []
