"""Where hourly tables come from: files, InfluxDB, Kafka."""
