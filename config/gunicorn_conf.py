"""How gunicorn serves Handrail, on one's own machine and in production."""

import os

from config.processes import die_with_parent, keep_what_is_loaded

bind = "0.0.0.0:8000"  # inside the container; `up` passes a socket of its own
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
preload_app = True  # the code is loaded once and shared: the first page comes sooner, and memory is saved
timeout = 30
graceful_timeout = 10
keepalive = 5
control_socket_disable = True
# Heartbeat files belong in memory: on a slow disk a healthy worker would be taken for a hung one.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
raw_env = ["HANDRAIL_PROCESS=web"]


def when_ready(server):
    keep_what_is_loaded()


def post_fork(server, worker):
    die_with_parent(server.pid)
