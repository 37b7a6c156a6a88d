"""`manage.py ticker`: sends what is late, settles what nobody finished, follows the rules. No Redis, no Celery.

It lives in the top room because it runs what several rooms owe. Two of them may run beside each other.
"""

import logging
import signal
import threading
import time

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connections

from admissions.tasks import follow_the_rules
from messaging import services as messaging

log = logging.getLogger(__name__)

RULES_EVERY_SECONDS = 60


class Command(BaseCommand):
    help = "Sends messages that are late, settles unfinished ones and follows the rules, until it is stopped."
    requires_migrations_checks = False

    def add_arguments(self, parser):
        parser.add_argument("--every", type=float, default=5, help="seconds between two passes (default %(default)s)")
        parser.add_argument("--late", type=float, default=30, help="seconds after which a message is ours to send")

    def handle(self, *, every, late, **options):
        stopping = threading.Event()
        for asked in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asked, lambda number, frame: stopping.set())
        log.info("ticker started")
        rules_at = 0.0
        while not stopping.is_set():
            began = time.monotonic()
            try:
                messaging.tick(late_seconds=late, should_stop=stopping.is_set)
                if began >= rules_at and not stopping.is_set():
                    rules_at = began + RULES_EVERY_SECONDS
                    messaging.close_what_is_over()
                    follow_the_rules()
            except (DatabaseError, InterfaceError) as problem:
                # The database restarts or is away: begin with a fresh connection next time.
                log.warning("no database for the ticker: %s", type(problem).__name__)
                connections.close_all()
            except Exception:
                log.exception("a pass of the ticker failed")
                connections.close_all()
            stopping.wait(max(0.1, every - (time.monotonic() - began)))
        connections.close_all()
        log.info("ticker stopped")
