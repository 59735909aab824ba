"""Other ways to split readings, each written as one first would; run by `benchmarks.stream`."""
