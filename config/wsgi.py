"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from config import checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
resolve("/healthz")  # loads every page's code once, before the processes fork, instead of in somebody's first request
checks.refuse_demo_accounts()
