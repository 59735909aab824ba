"""Topics to InfluxDB: the only writer of the store. At least once, with points that overwrite themselves."""
