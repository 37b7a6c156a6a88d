"""Health probes of the containers: `python -m config.probe web`, `python -m config.probe loop NAME`.

A loop is healthy when it made progress, which is a row in the database, not an answered ping.
"""

import os
import sys
import urllib.request

from config import services

LATEST_PASS_SECONDS = 120


def web():
    """The process answers; the host must be one of ours, or Django refuses it."""
    host = os.environ["ALLOWED_HOSTS"].split(",")[0]
    asked = urllib.request.Request("http://127.0.0.1:8000/healthz", headers={"Host": host})
    return urllib.request.urlopen(asked, timeout=5).status == 200


def loop(name):
    """The loop `name` passed within the last two minutes."""
    with services.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
        passed = connection.execute(
            "SELECT pass_at > now() - make_interval(secs => %s) FROM messaging_heartbeat WHERE name = %s",
            [LATEST_PASS_SECONDS, name],
        ).fetchone()
    return bool(passed and passed[0])


if __name__ == "__main__":
    healthy = loop(sys.argv[2]) if sys.argv[1] == "loop" else web()
    sys.exit(0 if healthy else 1)
