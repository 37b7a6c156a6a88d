"""`manage.py seed_bench`: many inquiries, for benchmarks."""

import json

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Facility
from reports.seeding import bulk


class Command(BaseCommand):
    help = "Make many made-up inquiries at two facilities of their own. Prints one JSON object of counts."

    def add_arguments(self, parser):
        parser.add_argument("--inquiries", type=int, required=True)

    def handle(self, *, inquiries, **options):
        if settings.IS_PRODUCTION:
            raise CommandError("Bulk data is refused in production.")
        if not 10 <= inquiries < 10_000_000:
            raise CommandError("Ask for 10 to 9,999,999 inquiries: each has a number of its own.")
        if Facility.objects.filter(slug__startswith="bench-").exists():
            raise CommandError("There is bulk data already. Use an empty database.")
        self.stdout.write(json.dumps(bulk.make(inquiries, now=timezone.now())))
