"""The forecaster: the command line that fetches, trains, back-tests, compares and promotes models."""
