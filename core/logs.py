"""Log lines that carry no personal data."""

import logging
import re

_SHAPES = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|\+?\(?\d[\d ().-]{7,}\d")


class NoPersonalData(logging.Formatter):
    """Blots out anything shaped like an e-mail address or telephone number, and local variables.

    The first defence is not to log personal data at all; this is the second.
    """

    def format(self, record):
        return _SHAPES.sub(_blot, super().format(record))


def _blot(match):
    text = match.group()
    # A time stamp or a count is no telephone number: those have at most one separator kind.
    return text if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d|\d+", text) else "[removed]"
