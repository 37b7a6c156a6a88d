"""Counting what a request asks the database."""

from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

_TRANSACTION = ("SAVEPOINT", "BEGIN", "COMMIT", "ROLLBACK")


@contextmanager
def statements():
    """The SQL that asks or writes something, as a list; opening and closing a transaction is neither.

    The history middleware puts its setting before a savepoint, into the same statement.
    """
    asked = []
    with CaptureQueriesContext(connection) as captured:
        yield asked
    asked += [query["sql"] for query in captured if not any(word in query["sql"][-60:] for word in _TRANSACTION)]
