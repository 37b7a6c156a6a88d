"""Who answers for what is sent: upper rooms register a purpose, the engine asks at send time.

The row of a message holds no words. Its owner is asked right before the call whether it is still
wanted and what it says, so a cancelled, moved or closed source is never spoken of.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Say:
    """Still wanted, and these are its words: plain text, neutral (privacy.md 7.3)."""

    subject: str
    body: str


@dataclass(frozen=True)
class No:
    """Not wanted any more; `reason` is a short code that the mailbox shows in words (`REASONS`)."""

    reason: str


@dataclass(frozen=True)
class Purpose:
    answer: Callable
    label: str


_purposes: dict[str, Purpose] = {}


def register(purpose, answer, *, label=""):
    """Let `answer(message) -> Say | No` speak for `purpose`; call it in `AppConfig.ready()`.

    It runs in the transaction of the gate: read the source fresh, compare `message.source_version`,
    answer No when the source is closed, cancelled, handed over or changed. `label` is what staff read.
    """
    _purposes[purpose] = Purpose(answer, label or purpose.replace("_", " ").capitalize())


def ask(message):
    """What the owner of the message's purpose says now: Say or No."""
    purpose = _purposes.get(message.purpose)
    if purpose is None:
        log.error("nobody answers for purpose %s", message.purpose)
        return No("nobody_answers")
    return purpose.answer(message)


def label(purpose):
    """The purpose in staff's words."""
    known = _purposes.get(purpose)
    return known.label if known else purpose.replace("_", " ").capitalize()
