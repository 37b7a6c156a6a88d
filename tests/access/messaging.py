"""Access matrix of messages."""

from accounts.permissions import Permission as P
from messaging import engine
from tests.access import PUBLIC, Row


def with_a_ticker(world):
    """The ticker has just passed; without one the installation is not well."""
    engine.beat("ticker")
    return {}


ROWS = {
    "healthz_deep": Row(PUBLIC, args=with_a_ticker),
    "messaging:mailbox": Row(P.VIEW_MESSAGES),
    "messaging:message": Row(P.VIEW_MESSAGES, args=lambda w: {"pk": w.message.public_id}),
    "messaging:opt_out": Row(
        P.LOG_CALL,
        ("get", "post"),
        args=lambda w: {"pk": w.email.pk},
        data=lambda w: {"idempotency_key": "crawl-key", "source": "said on the phone"},
    ),
}
