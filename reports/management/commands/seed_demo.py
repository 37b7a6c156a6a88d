"""`manage.py seed_demo`: an invented organization with a year of history around today."""

import datetime as dt
import json
import os
import time
import zoneinfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from accounts.models import Facility
from core.times import instant
from reports.seeding import demo, removal


class Command(BaseCommand):
    help = "Make (or remove) demo data: two invented facilities and a year around today. Prints one JSON object."

    def add_arguments(self, parser):
        parser.add_argument("--inquiries", type=int, default=1200, help="in all (default %(default)s)")
        parser.add_argument("--days", type=int, default=365, help="how far back, at least 60 (default %(default)s)")
        parser.add_argument("--seed", default="1", help="the same seed tells the same story (default %(default)s)")
        parser.add_argument(
            "--as-of", type=dt.date.fromisoformat, help="a day; its 9:14 am is now (default: really now)"
        )
        parser.add_argument("--if-empty", action="store_true", help="do nothing when there is a facility already")
        parser.add_argument("--remove", action="store_true", help="remove everything that the demo made or led to")

    def handle(self, *, inquiries, days, seed, as_of, if_empty, remove, **options):
        if settings.IS_PRODUCTION or not settings.DEMO_ACCOUNTS:
            raise CommandError("Demo data is refused in production: its accounts have a known password.")
        if remove:
            return self.say(removal.remove())
        if Facility.objects.exists():
            if if_empty:
                return self.say({"made": False, "because": "there is a facility already"})
            raise CommandError("There is a facility already. `seed_demo --remove` removes an earlier demo.")
        if inquiries < 0 or days < 60:
            raise CommandError("Ask for at least 0 inquiries and 60 days.")
        password = os.environ.get("HANDRAIL_DEMO_PASSWORD")
        if not password:
            raise CommandError(
                "Set HANDRAIL_DEMO_PASSWORD: the password of every demo account. `manage.py up` sets one."
            )
        now = timezone.now().replace(microsecond=0)
        if as_of:
            now = instant(as_of, dt.time(9, 14), "America/Chicago").astimezone(zoneinfo.ZoneInfo("UTC"))
        began = time.monotonic()
        counts = demo.make(seed=seed, now=now, inquiries=inquiries, days=days, password=password)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.stderr.write(f"{time.monotonic() - began:.1f} s")
        self.say(counts)

    def say(self, counts):
        self.stdout.write(json.dumps(counts))
