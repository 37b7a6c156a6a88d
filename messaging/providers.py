"""Who carries a message out of the building, and what they can be asked afterwards.

A provider makes one try and tells what is known about it. It never tries again by itself: only the
engine knows whether a second try could be a second delivery.
"""

import contextlib
import re
import smtplib
import socket
import ssl
import threading
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import Protocol

from django.conf import settings
from django.utils import timezone

from messaging import words
from messaging.models import Channel, Outcome

CONNECT_SECONDS = 3


@dataclass(frozen=True)
class Result:
    """What is known about one try. `is_wrong_address`: the receiver says that nobody lives there."""

    outcome: Outcome
    ref: str = ""
    is_wrong_address: bool = False


class Provider(Protocol):
    """`can_be_asked`: `find` knows whether a message arrived, so an unknown outcome settles itself."""

    name: str
    can_be_asked: bool

    def send(self, message, say, key) -> Result:
        """One try. `key` names the effect and is the same for every try. Raises ForbiddenWords."""

    def find(self, message, key) -> bool | None:
        """Whether the message arrived; None where that cannot be known."""


class Smtp:
    """The mail server of the installation. It dedupes nothing and cannot be asked (class c)."""

    name = "smtp"
    can_be_asked = False

    def send(self, message, say, key):
        to = message.user.email if message.user_id else message.contact_point.normal
        refuse_words(message, say)
        if not _is_plain_address(to):
            return Result(Outcome.REJECTED_PERMANENT, "not an address", is_wrong_address=True)
        try:
            mail = compose(message, say, to)
        except (ValueError, HeaderParseError):
            return Result(Outcome.REJECTED_PERMANENT, "could not be written")
        return hand_over(mail, sender=sender_address(), to=to)

    def find(self, message, key):
        return None


class LocalMailbox(Smtp):
    """The mail server of `up`, whose folder is the record of what arrived (class b)."""

    name = "local"
    can_be_asked = True

    def find(self, message, key):
        from messaging import mailbox

        return mailbox.holds(message_id(message))


def for_channel(channel):
    """The provider of a channel, or None where there is none yet."""
    if channel != Channel.EMAIL:
        return None
    return LocalMailbox() if settings.LOCAL_MAIL else Smtp()


# --- What is sent ------------------------------------------------------------------------------------


def sender_address():
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def message_id(message):
    """The same for every try of one message, and without meaning to anybody else."""
    host = sender_address().rpartition("@")[2] or "localhost"
    return f"<msg.{message.pk}.{message.slot_hash}@{host}>"


def refuse_words(message, say):
    """Raise ForbiddenWords unless subject, body and sender are neutral.

    Staff know where they work: for them the address of their own workbench and the sender's may name it.
    """
    facility, senders = message.facility, [message.facility.neutral_name]
    names = [] if facility.name == facility.neutral_name else [facility.name]
    body = say.body
    if message.user_id:
        body = body.replace(settings.PUBLIC_URL, "")
    else:
        senders.append(settings.DEFAULT_FROM_EMAIL)
    words.refuse(say.subject, body, names=names, senders=senders)


def compose(message, say, to):
    """The bytes of one mail: neutral sender, plain text, nothing else."""
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = Address(" ".join(message.facility.neutral_name.split()), addr_spec=sender_address())
    mail["To"] = to
    mail["Subject"] = " ".join(say.subject.split())
    mail["Date"] = format_datetime(timezone.now())
    mail["Message-ID"] = message_id(message)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(say.body, cte=None if say.body.isascii() else "quoted-printable")
    return mail.as_bytes()


def _is_plain_address(to):
    if not re.fullmatch(r"[!-~]+@[!-~]+", to):
        return False
    try:
        Address(addr_spec=to)
    except (ValueError, IndexError, HeaderParseError):
        return False
    return True


# --- How it is sent ----------------------------------------------------------------------------------


def hand_over(mail, *, sender, to):
    """Hand `mail` (bytes) to the configured server over one connection and say how far it came.

    Connecting takes at most 3 s and everything together `OUTGOING_CALL_SECONDS`, however slowly the
    other side drips. From the final dot to its answer nobody knows: only then the outcome is unknown.
    """
    client = _Client(local_hostname=sender.rpartition("@")[2] or "localhost", timeout=CONNECT_SECONDS)
    is_all_sent = False
    with _deadline(client, settings.OUTGOING_CALL_SECONDS), contextlib.closing(client):
        try:
            client.greet()
            if refusal := client.refusal(client.mail(sender), never_permanent=True):
                return refusal
            if refusal := client.refusal(client.rcpt(to), is_about_address=True):
                return refusal
            if refusal := client.refusal(client.docmd("DATA"), wanted=354):
                return refusal
            client.send(_dotted(mail))
            is_all_sent = True
            answer = client.getreply()
        except (OSError, smtplib.SMTPException) as problem:
            if is_all_sent:
                return Result(Outcome.UNKNOWN, "connection lost before the answer")
            return Result(Outcome.REJECTED_RETRY, _short(type(problem).__name__))
        if refusal := client.refusal(answer):
            return refusal
        with contextlib.suppress(OSError, smtplib.SMTPException):
            client.quit()
        return Result(Outcome.ACCEPTED, _short(answer[1]))


class _Client(smtplib.SMTP):
    """smtplib's conversation, step by step."""

    def greet(self):
        code, _ = self.connect(settings.EMAIL_HOST, settings.EMAIL_PORT)
        if code != 220 or self.sock is None:
            raise smtplib.SMTPConnectError(code, b"")
        self.sock.settimeout(settings.OUTGOING_CALL_SECONDS)
        if settings.EMAIL_USE_TLS:
            self._host = settings.EMAIL_HOST  # whom the certificate must name
            self.starttls(context=ssl.create_default_context())
        self.ehlo_or_helo_if_needed()
        if settings.EMAIL_HOST_USER:
            self.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)

    def refusal(self, answer, *, wanted=None, is_about_address=False, never_permanent=False):
        """None when the server agreed, else the Result of its no.

        A sender it does not like is our mistake, not the receiver's: `never_permanent`.
        """
        code, words = answer
        if code == wanted or (wanted is None and 200 <= code < 300):
            return None
        if 500 <= code < 600 and not never_permanent:
            is_wrong = is_about_address and (code in {550, 551} or words.startswith(b"5.1."))
            return Result(Outcome.REJECTED_PERMANENT, f"refused {code}", is_wrong_address=is_wrong)
        return Result(Outcome.REJECTED_RETRY, f"refused {code}")


@contextlib.contextmanager
def _deadline(client, seconds):
    """Cut the connection when the time is over; a timeout of the socket alone begins anew with each byte."""

    def cut():
        with contextlib.suppress(OSError, AttributeError):
            client.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _dotted(mail):
    """A line that begins with a dot gets another, and a lone dot ends the mail (RFC 5321, 4.5.2)."""
    return re.sub(rb"(?m)^\.", b"..", mail.rstrip(b"\r\n")) + b"\r\n.\r\n"


def _short(words):
    """What a server said, for the log of tries: printable and free of addresses."""
    text = words.decode("ascii", "replace") if isinstance(words, bytes) else words
    return re.sub(r"\S*@\S*|[^ -~]", "", text)[:80]
