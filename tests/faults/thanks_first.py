"""A web server that is broken on purpose: it hands a public inquiry to the queue and thanks at once."""

from importlib import import_module

from config.wsgi import application  # noqa: F401  what gunicorn serves, and the apps are ready after it


def enqueue(facility, fields, **how):
    """What an enqueue-only handler does when nobody is there to take it."""


vars(import_module("admissions.views.public"))["receive_web_inquiry"] = enqueue
