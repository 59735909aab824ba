"""The system on a cluster: what `luftstrom deploy` does, and what the chart takes from the contracts."""
