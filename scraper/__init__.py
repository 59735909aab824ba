"""sensor.community and archives into the raw topics: polite, tolerant, exact."""
