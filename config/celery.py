"""The Celery application. Tasks carry hints; PostgreSQL is the memory (docs/decisions/0002)."""

import os

from celery import Celery
from celery.signals import beat_init, worker_init, worker_process_init, worker_process_shutdown
from django.core.exceptions import ImproperlyConfigured

from config import checks, processes

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("handrail")
app.set_default()  # also for the threads of the web server, which only publish hints
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
_worker: dict[str, int] = {}


@worker_process_init.connect
def end_with_the_worker(**kwargs):
    """A pool process that outlives a killed worker would go on sending beside the next one."""
    processes.die_with_parent(_worker.get("pid"))  # which may have been killed since the fork
    processes.close_connections()


@worker_process_shutdown.connect
def leave_no_connection(**kwargs):
    processes.close_connections()


@worker_init.connect
@beat_init.connect
def before_anything_forks(**kwargs):
    _worker["pid"] = os.getpid()
    processes.keep_what_is_loaded()


@worker_init.connect
@beat_init.connect
def refuse_demo_accounts(**kwargs):
    try:
        checks.refuse_demo_accounts()
    except ImproperlyConfigured as refusal:
        raise SystemExit(str(refusal)) from None  # Celery logs any other exception of a signal and goes on
