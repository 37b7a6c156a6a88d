"""What production refuses to start with. `settings.py` asks at its end, so no process can pass by."""

import os
import sys

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from config import processes

MODES = {"local", "test", "production"}
DEMO_USERNAMES = ["coordinator", "clinician", "manager", "admin", "coordinator2", "clinician2", "manager2"]


def refuse_unsafe(settings):
    """Raise ImproperlyConfigured with one sentence for each unsafe value in `settings` (a mapping)."""
    mode = settings["MODE"]
    if mode not in MODES:
        raise ImproperlyConfigured(f"HANDRAIL_MODE is {mode!r}; it must be one of {', '.join(sorted(MODES))}.")
    if mode != "production":
        return
    if reasons := list(unsafe(settings)):
        raise ImproperlyConfigured("\n".join(["Handrail refuses to start in production:", *reasons]))


def unsafe(settings):
    """Every reason not to run in production, as a sentence that names the variable to set."""
    secret = settings["SECRET_KEY"]
    if "insecure" in secret or len(secret) < 50 or len(set(secret)) < 8:
        yield "SECRET_KEY is the default, short or guessable; set 50 or more random characters."
    salts = settings["SALT_KEY"]
    if not salts or any("insecure" in salt or len(salt) < 32 for salt in salts):
        yield "HANDRAIL_SALT_KEYS is the default or short; set 32 or more random characters for each key."
    if settings["DEBUG"]:
        yield "DEBUG is on; it shows source, settings and data to anyone who causes an error."
    hosts = settings["ALLOWED_HOSTS"]
    if not hosts:
        yield "ALLOWED_HOSTS is empty; name the hosts that this installation answers for."
    if any("*" in host or host.startswith(".") for host in hosts):
        yield "ALLOWED_HOSTS has a wildcard; name each host in full."
    if settings["DEMO_ACCOUNTS"]:
        yield "HANDRAIL_DEMO_ACCOUNTS is on; demo accounts have a printed password."
    if not settings["SECOND_FACTOR_REQUIRED"]:
        yield "HANDRAIL_SECOND_FACTOR is off; staff must sign in with a second factor."
    if not settings["SECURE_SSL_REDIRECT"]:
        yield "SECURE_SSL_REDIRECT is off; pages would be served without TLS."
    if not (settings["SESSION_COOKIE_SECURE"] and settings["CSRF_COOKIE_SECURE"]):
        yield "SESSION_COOKIE_SECURE or CSRF_COOKIE_SECURE is off; cookies would travel without TLS."
    if settings["SECURE_HSTS_SECONDS"] <= 0:
        yield "SECURE_HSTS_SECONDS is 0; browsers would not insist on TLS."
    if not settings["PUBLIC_URL"].startswith("https://"):
        yield "HANDRAIL_PUBLIC_URL does not begin with https://; links in messages would lead around TLS."


def demo_accounts():
    """Usernames of active demo accounts in the database."""
    from django.contrib.auth import get_user_model
    from django.db import ProgrammingError

    users = get_user_model().objects.filter(username__in=DEMO_USERNAMES, is_active=True)
    try:
        return sorted(users.values_list("username", flat=True))
    except ProgrammingError:  # before the first migration
        return []


def refuse_demo_accounts():
    """Called by the web server and by Celery as they start; commands are told by the check below."""
    from django.conf import settings

    if not settings.IS_PRODUCTION:
        return
    names = demo_accounts()
    processes.close_connections()  # processes fork after this
    if names:
        raise ImproperlyConfigured(_sentence(names))


@checks.register
def no_demo_accounts(app_configs, **kwargs):
    """Stops every management command but the one that makes the table it asks."""
    from django.conf import settings
    from django.db import OperationalError

    if not settings.IS_PRODUCTION or os.environ.get("DATABASE_URL") is None:
        return []
    if sys.argv[1:2] == ["migrate"]:
        return []
    try:
        names = demo_accounts()
    except OperationalError:  # no database now: the command itself says so better, if it needs one
        return []
    return [checks.Error(_sentence(names), id="handrail.E001")] if names else []


def _sentence(names):
    return (
        f"Handrail refuses to start in production with demo accounts in the database ({', '.join(names)}); "
        "remove the demo with `HANDRAIL_MODE=local python manage.py seed_demo --remove` (production itself removes "
        "nothing), or deactivate them. Their names are reserved."
    )
