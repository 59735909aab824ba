"""Flink SQL jobs, composed from the table of measures."""
