"""From Kafka to InfluxDB: what a value costs, ours beside others."""
