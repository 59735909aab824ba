"""How a process lives: settings, logs, metrics, health, stopping, retry, clock, and the shared clients."""
