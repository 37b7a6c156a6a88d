"""An SMTP server whose folder is the truth about what was delivered, with the moods of real ones."""

import asyncio
import contextlib
import logging
import re
import socket
from collections import Counter

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from messaging import mailbox

logging.getLogger("mail.log").setLevel(logging.CRITICAL)


class Sink:
    """Keeps each mail with `messaging.mailbox` before it says yes.

    `mood` is one of: ok; slow (says yes `seconds` after keeping); refuse_sender, refuse_address,
    unknown_address, busy, refuse_mail (nothing kept); keep_and_drop (keeps, then cuts the line without a
    word); drop (cuts before anything is kept); silent (neither keeps nor answers).
    `arrived` lists (message number, whole mail) in order. `at(window)` is called while a mail is "on the
    wire" and when it is "kept", then `pace` seconds pass; when it answers True on the wire, the mail
    never came to its end.
    """

    def __init__(self):
        self.mood, self.seconds = "ok", 0.0
        self.arrived, self.tries = [], 0
        self.at, self.pace = None, 0.0

    # --- the moods ---

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.mood == "refuse_sender":
            return "550 5.7.1 not you"
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mood == "refuse_address":
            return "554 5.7.1 not here"
        if self.mood == "unknown_address":
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        self.tries += 1
        if self.mood == "silent":
            await asyncio.sleep(60)
        if self.mood == "drop":
            server.transport.abort()
            return "421 gone"
        if self.mood == "busy":
            return "451 4.7.1 try later"
        if self.mood == "refuse_mail":
            return "554 5.6.0 not this"
        if await self._pass("on the wire"):
            return "421 gone"  # whoever sent it died before the end of the mail
        mailbox.keep(envelope.original_content)
        self.arrived.append((number_of(envelope.original_content), envelope.original_content))
        await self._pass("kept")
        if self.mood == "keep_and_drop":
            server.transport.abort()
            return "421 gone"
        if self.mood == "slow":
            await asyncio.sleep(self.seconds)
        return "250 2.0.0 kept"

    async def _pass(self, window):
        if not self.at:
            return False
        cut = self.at(window)
        await asyncio.sleep(self.pace)
        return cut

    # --- what the tests ask ---

    def copies(self):
        """How often each message number was delivered."""
        return Counter(number for number, _ in self.arrived)

    def last(self):
        return self.arrived[-1][1].decode()


def number_of(mail):
    """Which message a mail is, by its Message-ID."""
    found = re.search(rb"(?im)^message-id: <msg\.(\d+)\.", mail)
    assert found, "a mail without our Message-ID"
    return int(found[1])


class _Controller(Controller):
    def factory(self):
        return SMTP(self.handler, hostname="localhost", ident="sink", enable_SMTPUTF8=False)


@contextlib.contextmanager
def running():
    """A sink on a free port of this machine, in a thread: (sink, port)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = Sink()
    controller = _Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield sink, port
    finally:
        controller.stop()
