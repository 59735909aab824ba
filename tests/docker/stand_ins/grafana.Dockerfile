# Stands in for Grafana's image, by a program that reads what compose tells Grafana of. For tests alone.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY grafana /usr/local/bin/
ENTRYPOINT ["grafana"]
