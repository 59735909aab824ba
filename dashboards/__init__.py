"""Grafana dashboards and alerts as code, generated from `contracts`."""
