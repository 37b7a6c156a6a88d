"""`manage.py check_invariants`: count what must never be."""

import json
import sys

from django.core.management.base import BaseCommand

from reports import invariants


class Command(BaseCommand):
    help = "Print one JSON object, invariant name to number of violations; exit 1 if any is not 0."

    def handle(self, *args, **options):
        found = invariants.check()
        self.stdout.write(json.dumps(found))
        if any(found.values()):
            sys.exit(1)
