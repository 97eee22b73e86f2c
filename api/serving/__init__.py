"""Server processes: gunicorn, the figures for Prometheus, and what keeps them alive."""
