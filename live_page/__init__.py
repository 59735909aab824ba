"""A small read-only HTTP API over the stored air and its forecasts."""
