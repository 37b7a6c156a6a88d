"""Hints. Losing, repeating or forging one costs lateness only: the rows know what is due."""

import logging
import time

from celery import shared_task

from config.celery import app

log = logging.getLogger(__name__)

QUIET_SECONDS = 30
_no_hints_until = 0.0


@shared_task(ignore_result=True, expires=60)
def deliver_due_messages():
    """Something may be due."""
    from messaging import services  # inline: services import this module

    services.deliver_due(limit=50)


def hint():
    """Tell a worker that something is due now, if Redis answers within 0.2 s; a failure is only noted.

    After one nobody waits for Redis again for half a minute: beat and the ticker come by anyway.
    """
    from messaging import health  # inline: it asks the services, which import this module

    global _no_hints_until
    if time.monotonic() < _no_hints_until:
        return False
    try:
        if health.redis_answers(app.conf.broker_url):
            deliver_due_messages.apply_async(retry=False)
            return True
        problem = "no answer"
    except Exception as failure:
        problem = type(failure).__name__
    _no_hints_until = time.monotonic() + QUIET_SECONDS
    log.warning("no hint for the workers: %s", problem)
    return False
