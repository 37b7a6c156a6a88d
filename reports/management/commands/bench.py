"""`manage.py bench`: how fast, beside how fast it could be."""

import json

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from reports.benching import probe, run


class Command(BaseCommand):
    help = "Print JSON lines: each operation, ours, the limit of the same run, the ratio, SQL queries."

    def add_arguments(self, parser):
        parser.add_argument("--size", type=int, default=100_000, help="inquiries (default %(default)s)")
        parser.add_argument("--small", type=int, default=run.SMALL, help="the size that growth is measured from")
        parser.add_argument("--repeat", type=int, default=5, help="rounds, medians over them (default %(default)s)")
        parser.add_argument("--requests", type=int, default=10_000, help="mixed requests for the memory figure")
        parser.add_argument("--keep", action="store_true", help="keep the databases handrail_bench_…")
        parser.add_argument("--probe", choices=["prepare", "queries", "raw"], help="used by the benchmark itself")

    def handle(self, *, size, small, repeat, requests, keep, **options):
        if options["probe"]:
            return probe.run(options["probe"], repeat, self.stdout.write)
        if settings.IS_PRODUCTION:
            raise CommandError("The benchmark makes and drops databases; it is not for production.")
        run.bench(
            size=size, small=small, repeat=repeat, requests=requests, keep=keep,
            out=lambda **line: (self.stdout.write(json.dumps(line)), self.stdout.flush()),
            say=lambda text: self.stderr.write(text),
        )  # fmt: skip
