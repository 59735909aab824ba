"""The eight dashboards, one a module."""
