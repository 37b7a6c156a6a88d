"""The benchmark measures what it says; its figures are no tests."""

import http.server
import threading

import pytest
from django.core.management import CommandError, call_command

from reports.benching.places import PREFIX, Database
from reports.benching.web import Client, Timed, getting


class _Busy:
    """A worker that says it used ten milliseconds more each time it is asked."""

    used = 0.0

    def cpu_seconds(self):
        self.used += 0.01
        return self.used


def test_the_median_of_rounds_is_not_moved_by_one_bad_round():
    times = Timed(_Busy())
    for slow in (1.0, 50.0, 2.0):
        times.round(lambda slow=slow: slow, 10)

    assert (times.p50, times.p95) == (2.0, 2.0)
    assert times.cpu == pytest.approx(1.0)


def test_an_answer_other_than_200_ends_the_run():
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/good" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        client = Client(server.server_port)
        assert getting(client, ["/good"])() > 0
        with pytest.raises(SystemExit, match="/bad answered 404"):
            getting(client, ["/bad?name=kept-out-of-logs"])()
    finally:
        server.shutdown()


def test_the_benchmark_works_in_databases_of_its_own(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://me@/mine?host=/run/private")

    assert Database("10", kept=False).name == f"{PREFIX}10"
    assert Database("10", kept=False).url == f"postgres://me@/{PREFIX}10?host=/run/private"


def test_production_refuses_the_benchmark_and_bulk_data(settings):
    settings.IS_PRODUCTION = True

    with pytest.raises(CommandError, match="not for production"):
        call_command("bench")
    with pytest.raises(CommandError, match="refused in production"):
        call_command("seed_bench", "--inquiries", "10")
