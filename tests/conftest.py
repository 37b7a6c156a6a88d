"""What every test stands on: the database, a signed-in client, and Chromium for the journeys."""

import os
import shutil

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

# Playwright drives its own event loop beside the ORM in one process.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items):
    """Say before the test database is made that every test needs it.

    pytest-django looks at the names of fixtures to decide; one that is asked for later would find the real database.
    """
    for item in items:
        if item.get_closest_marker("django_db") is None:  # one that says how, such as transaction=True, stays
            item.add_marker(pytest.mark.django_db)


@pytest.fixture(autouse=True)
def _database(request):
    """Every test may use the database; nearly all do."""
    if "live_server" in request.fixturenames:
        request.getfixturevalue("transactional_db")
    else:
        request.getfixturevalue("db")


@pytest.fixture
def signed_in(client):
    """`signed_in(user)` signs the test client in and returns it."""

    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


def session_cookie(user, url):
    """A cookie that signs `user` in at `url`, for a browser context."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": url}


@pytest.fixture(scope="session")
def chromium():
    """One Chromium for the session; the tests that need it are skipped, loudly, where there is none."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not path:
        pytest.skip("no Chromium here: python3 manage.py check_all installs one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_as(chromium, live_server):
    """`open_as(user, width=1440, …)` is a page signed in as `user` (nobody for None).

    A console error, a refused policy or a request to another host fails the test.
    """
    contexts, complaints = [], []

    def start(user, *, width=1440, height=900, dark=False, **more):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            base_url=live_server.url,
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        if user:
            context.add_cookies([session_cookie(user, live_server.url)])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" and _counts(m) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda r: (
                None
                if r.url.startswith((live_server.url, "data:", "about:", "blob:"))
                else complaints.append(f"asked another host: {r.url}")
            ),
        )
        return page

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


def _counts(message):
    """A refused form (422, 409) and a request cut off by leaving the page are answers, not faults."""
    if message.text.startswith(("htmx:afterRequest", "htmx:sendError", "htmx:sendAbort")):
        return False
    return not any(f"status of {code}" in message.text for code in (401, 403, 404, 409, 422, 429))
