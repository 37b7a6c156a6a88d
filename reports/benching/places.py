"""Databases of the benchmark's own, made beside the one in use and dropped at the end."""

import json
import os
import resource
import subprocess
import sys
import time
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

PREFIX = "handrail_bench_"


class Database:
    """A database named `handrail_bench_<name>`; `kept` ones stay for the next run."""

    def __init__(self, name, *, kept):
        self.name, self.kept = f"{PREFIX}{name}", kept
        self.url = _url(self.name)

    def __enter__(self):
        self.drop()
        self._admin("CREATE DATABASE {}")
        return self

    def __exit__(self, *_):
        if not self.kept:
            self.drop()

    def drop(self):
        self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)")

    def manage(self, *command, **env):
        """Run a command of ours on this database: (what it printed, wall seconds, CPU seconds of the process)."""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        ran = subprocess.run(
            [sys.executable, settings.BASE_DIR / "manage.py", *command],
            env=self.environment(**env), cwd=settings.BASE_DIR, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ran.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{ran.stderr[-2000:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return ran.stdout, time.monotonic() - began, cpu

    def probe(self, *arguments):
        """The JSON lines that `bench --probe …` prints on this database."""
        printed, *_ = self.manage("bench", "--probe", *map(str, arguments))
        return [json.loads(line) for line in printed.splitlines()]

    def environment(self, **env):
        return {**os.environ, "DATABASE_URL": self.url, "HANDRAIL_BOOTSTRAP": "off", "HANDRAIL_MODE": "local", **env}

    def _admin(self, statement):
        given = connection.get_connection_params()
        wanted = {key: given[key] for key in ("host", "port", "user", "password") if given.get(key)}
        with psycopg.connect(**wanted, dbname=given["dbname"], autocommit=True) as admin:
            admin.execute(sql.SQL(statement).format(sql.Identifier(self.name)))


def _url(name):
    """DATABASE_URL with another database in it."""
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
