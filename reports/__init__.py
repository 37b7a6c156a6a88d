"""Read-only: the dashboard, demo data and the invariants."""
