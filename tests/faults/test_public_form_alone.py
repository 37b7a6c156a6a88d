"""No thank-you without a row: the public form with Valkey and all workers dead, its web server killed (I-41, F-19)."""

import http.client
import os
import signal
import socket
import sys
import threading
import time
import urllib.parse
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from admissions.models import WebSubmission
from config import processes
from tests import factories as make
from tests.faults.test_kill_worker import _test_database_url

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENTS, POSTS, KILLS = 4, 9, 2
TOKEN = "t" * 32
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"{settings.CSRF_COOKIE_NAME}={TOKEN}"}

pytestmark = [
    pytest.mark.fault,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("faults"),
]


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def serve(tmp_path, port):
    """`serve(application)` starts a web server without any Redis; all end with the test."""
    started = []

    def run(application):
        connection.close()
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "python:config.gunicorn_conf",
            "--bind",
            f"127.0.0.1:{port}",
        ]
        env = os.environ | {
            "DATABASE_URL": _test_database_url(),
            "REDIS_URL": f"redis+socket://{tmp_path}/nobody?virtual_host=0",
            "HANDRAIL_MODE": "test",
            "WEB_CONCURRENCY": "1",
            "HANDRAIL_DB_POOL": "4",
        }
        started.append(processes.start([*command, application], log=tmp_path / "web.log", cwd=ROOT, env=env))
        deadline = time.monotonic() + 40
        while ask(port, "GET", "/healthz") != 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        return started[-1]

    yield run
    processes.stop(started, patience=0.5)


def ask(port, method, path, body=None):
    """The status of the answer and where it leads, or None when the line was cut: then nobody was thanked."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        line.request(method, path, body, FORM if body else {})
        answer = line.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        line.close()
    return (answer.status, answer.headers.get("Location", "")) if method == "POST" else answer.status


def thanked(port, facility, kill=None):
    """Post from several clients at once; the words of those that were thanked. `kill` is told their number."""
    done, lock = [], threading.Lock()

    def client(number):
        for post in range(POSTS):
            words = f"inquiry {number}-{post}"
            fields = {"who": "self", "first": "Jordan", "reach": "(312) 555-0199", "message": words}
            fields["csrfmiddlewaretoken"] = TOKEN
            deadline = time.monotonic() + 40
            while not (answer := ask(port, "POST", f"/inquire/{facility.slug}/", urllib.parse.urlencode(fields))):
                if time.monotonic() > deadline:
                    return
                time.sleep(0.2)  # nobody was thanked; whoever needs help tries again
            if answer and answer[0] in (302, 303) and answer[1].endswith("/thanks/"):
                with lock:
                    done.append(words)

    threads = [threading.Thread(target=client, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if kill:
            kill(len(done))
        time.sleep(0.01)
    return done


def rows():
    return set(WebSubmission.objects.values_list("fields__message", flat=True))


def test_whoever_was_thanked_is_in_the_database(port, serve):
    facility = make.make_facility(slug="larkfield")
    servers = [serve("config.wsgi:application")]

    def kill(count):
        if len(servers) <= KILLS and count >= 6 * len(servers):
            os.killpg(servers[-1].pid, signal.SIGKILL)
            servers.append(serve("config.wsgi:application"))

    done = thanked(port, facility, kill)

    assert len(servers) == KILLS + 1
    assert len(done) >= 12
    assert set(done) - rows() == set()


def test_a_form_that_only_enqueues_thanks_without_a_row(port, serve):
    """The control: the same look at a handler that trusts the queue finds every loss."""
    facility = make.make_facility(slug="larkfield")
    serve("tests.faults.thanks_first:application")

    done = thanked(port, facility)

    assert len(done) >= 12
    assert set(done) - rows() == set(done)
