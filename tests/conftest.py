"""What every test stands on: a signed-in client, and the browser for the journeys."""

import os

import pytest

# Playwright drives its own event loop beside the ORM in one process.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(autouse=True)
def _database(db):
    """Every test may use the database; nearly all do."""


@pytest.fixture
def signed_in(client):
    """`signed_in(user)` signs the test client in and returns it."""

    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in
