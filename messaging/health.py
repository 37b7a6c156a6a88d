"""Whether messages keep moving: progress in the database, never an answered ping of a worker."""

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from messaging import services
from messaging.models import Heartbeat

REDIS_SECONDS = 0.2
LATE_SECONDS = 120  # I-18: also after a kill
SILENT_SECONDS = 120


def report():
    """(is well, figures): what promises to people depend on. No word about anybody.

    Not well is: no database, a message late by two minutes, or no ticker for two minutes. Redis alone
    costs lateness of half a minute, so it is told and is no alarm.
    """
    figures = {"database": False, "redis": redis_answers(), "oldest_due_seconds": None, "heartbeat_age_seconds": {}}
    try:
        now = timezone.now()
        figures["oldest_due_seconds"] = services.late_by(now)
        for beat in Heartbeat.objects.order_by("name"):
            figures["heartbeat_age_seconds"][beat.name] = max(0, int((now - beat.pass_at).total_seconds()))
        figures["database"] = True
    except DatabaseError:
        return False, figures
    ticker = figures["heartbeat_age_seconds"].get("ticker")
    is_late = settings.OUTGOING == "on" and figures["oldest_due_seconds"] > LATE_SECONDS
    return not is_late and ticker is not None and ticker <= SILENT_SECONDS, figures


def redis_answers(url=None):
    """Whether Redis answers within 0.2 s. `url` in Celery's spelling, the configured one by default."""
    parts = urlsplit(url or settings.REDIS_URL)
    how: dict[str, Any] = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    how["retry"] = Retry(NoBackoff(), 0)  # redis-py's own tries would take seconds
    if parts.scheme == "redis+socket":
        wanted = parse_qs(parts.query).get("virtual_host", ["0"])[0]
        client = redis.Redis(unix_socket_path=unquote(parts.path), db=int(wanted), password=parts.password, **how)
    else:
        client = redis.Redis.from_url(parts.geturl(), **how)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
