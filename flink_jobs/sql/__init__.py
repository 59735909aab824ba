"""The jobs as text: tables, views and inserts, composed from the contracts."""
