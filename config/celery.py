"""The Celery application. Tasks carry hints; PostgreSQL is the memory (docs/decisions/0002)."""

import os

from celery import Celery
from celery.signals import beat_init, worker_init, worker_process_init

from config import checks, processes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("handrail")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def end_with_the_worker(**kwargs):
    """A pool process that outlives a killed worker would go on sending beside the next one."""
    processes.die_with_parent()


@worker_init.connect
@beat_init.connect
def refuse_demo_accounts(**kwargs):
    checks.refuse_demo_accounts()
