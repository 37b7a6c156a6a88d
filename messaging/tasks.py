"""Hints. Losing, repeating or forging one costs lateness only: the rows know what is due."""

import logging
import time

from celery import shared_task

from config.celery import app

log = logging.getLogger(__name__)

HINT_SECONDS = 0.2
QUIET_SECONDS = 30
_no_hints_until = 0.0


@shared_task(ignore_result=True, expires=60)
def deliver_due_messages():
    """Something may be due."""
    from messaging import services  # inline: services import this module

    services.deliver_due(limit=50)


def hint():
    """Tell a worker that something is due now; at most 0.2 s, and a failure is only noted.

    After a failure nobody waits for Redis again for half a minute: beat and the ticker come by anyway.
    """
    global _no_hints_until
    if time.monotonic() < _no_hints_until:
        return False
    impatient = {"socket_connect_timeout": HINT_SECONDS, "socket_timeout": HINT_SECONDS}
    options = {**app.conf.broker_transport_options, **impatient}
    try:
        with app.connection_for_write(connect_timeout=HINT_SECONDS, transport_options=options) as connection:
            deliver_due_messages.apply_async(connection=connection, retry=False)
    except Exception as problem:
        _no_hints_until = time.monotonic() + QUIET_SECONDS
        log.warning("no hint for the workers: %s", type(problem).__name__)
        return False
    return True
