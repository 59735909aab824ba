"""Shows dashboards without Grafana: its variables, its queries, and a picture that is named a preview."""
