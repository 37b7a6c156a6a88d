"""Settings, URLs, Celery, and the start-up of `up` and `check_all`."""
