"""What follows from a state, on a clock. Rules are queries; running one twice changes nothing."""

import logging

from celery import shared_task
from django.db import transaction

log = logging.getLogger(__name__)


@shared_task(ignore_result=True, expires=60)
def follow_the_rules():
    """Turn what is due by now into tasks and reminders; each rule stands alone, and its failure stops no other."""
    from admissions import rules  # inline: rules reach into every room below

    counts = {}
    for rule in rules.EVERY_MINUTE:
        try:
            with transaction.atomic():
                counts[rule.__name__] = rule()
        except Exception:
            log.exception("rule %s failed", rule.__name__)
    return counts
