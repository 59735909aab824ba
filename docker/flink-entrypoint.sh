#!/bin/sh
# Flink's Kubernetes client starts `kubernetes-jobmanager.sh` and `kubernetes-taskmanager.sh` through here, by bash -c.
set -eu
exec "$@"
