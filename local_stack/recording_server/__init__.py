"""A recording over HTTP, behaving as sensor.community does."""
