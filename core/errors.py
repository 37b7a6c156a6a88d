"""The one exception by which a rule says no."""


class Refused(Exception):
    """A rule said no; nothing was changed. `str()` is a sentence that staff may read.

    `code` is a short stable name for tests, APIs and reports; it never holds personal data.
    """

    code = "refused"

    def __init__(self, message, *, code=None):
        super().__init__(message)
        if code:
            self.code = code


class Stale(Refused):
    """Somebody else changed the row since this page was opened; nothing was overwritten."""

    code = "stale"


class KeyReused(Refused):
    """An idempotency key came back with other content."""

    code = "key_reused"
