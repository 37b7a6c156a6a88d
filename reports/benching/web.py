"""A web server of one worker on this machine, and a small client that measures it."""

import functools
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import time

from django.conf import settings


class Server:
    """gunicorn with one worker on a free loopback port; `seconds_to_answer` is from exec to the first answer."""

    def __init__(self, application, *, env, first="/healthz"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        began = time.monotonic()
        command = [sys.executable, "-m", "gunicorn", "-c", "python:config.gunicorn_conf", "--workers", "1"]
        command += ["--bind", f"127.0.0.1:{self.port}", "--log-level", "error", application]
        self.process = subprocess.Popen(command, env=env, cwd=settings.BASE_DIR, start_new_session=True)
        while True:
            try:
                status, _, _ = Client(self.port).get(first)
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() - began > 60:
                    raise SystemExit(f"{application} did not start") from None
                time.sleep(0.01)
        self.seconds_to_answer = time.monotonic() - began
        if status != 200:
            raise SystemExit(f"{application} answered {status} to {first}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def worker_mib(self):
        """Resident memory of the worker in MiB."""
        with open(f"/proc/{self.worker}/status", encoding="utf-8") as status:
            (size,) = [line.split()[1] for line in status if line.startswith("VmRSS")]
        return round(int(size) / 1024, 1)

    def cpu_seconds(self, *, with_master=False):
        """Processor seconds the worker has used so far; a busy machine hardly changes them."""
        return sum(_cpu(pid) for pid in [self.worker, *([self.process.pid] if with_master else [])])

    @functools.cached_property
    def worker(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="utf-8") as children:
            return int(children.read().split()[0])


def _cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    """One keep-alive connection."""

    def __init__(self, port, cookie=""):
        self.line, self.cookie = http.client.HTTPConnection("127.0.0.1", port, timeout=60), cookie

    def get(self, path):
        """(status, body, milliseconds) of one GET."""
        began = time.perf_counter()
        try:
            status, body = self._ask(path)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.line.close()  # the server let the idle connection go
            began = time.perf_counter()
            status, body = self._ask(path)
        return status, body, (time.perf_counter() - began) * 1000

    def _ask(self, path):
        self.line.request("GET", path, headers={"Cookie": self.cookie} if self.cookie else {})
        answer = self.line.getresponse()
        return answer.status, answer.read()


class Timed:
    """Milliseconds of one operation over all rounds; a round's median, then the median of rounds.

    `cpu` is what the worker used for one request, without PostgreSQL.
    """

    def __init__(self, server):
        self.server, self.rounds, self.cpu_rounds = server, [], []

    def round(self, do, times):
        for _ in range(3):
            do()
        before = self.server.cpu_seconds()
        self.rounds.append(sorted(do() for _ in range(times)))
        self.cpu_rounds.append((self.server.cpu_seconds() - before) * 1000 / times)

    @property
    def p50(self):
        return statistics.median(statistics.median(times) for times in self.rounds)

    @property
    def p95(self):
        return statistics.median(times[min(len(times) - 1, int(len(times) * 0.95))] for times in self.rounds)

    @property
    def cpu(self):
        return statistics.median(self.cpu_rounds)


def getting(client, paths):
    """A function that gets the next of `paths` and answers its milliseconds; anything but 200 ends the run."""
    turn = iter(range(10**9))

    def do():
        path = paths[next(turn) % len(paths)]
        status, _, took = client.get(path)
        if status != 200:
            raise SystemExit(f"{path.partition('?')[0]} answered {status}")
        return took

    return do
