"""`manage.py local_mail`: the mail server of `up`. It delivers nothing; it keeps each mail as a file."""

import logging
import signal
import threading

from aiosmtpd.controller import Controller
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from messaging import mailbox

log = logging.getLogger(__name__)


class Keep:
    """Says yes only after the mail lies on the disk, so that the folder is the truth."""

    async def handle_DATA(self, server, session, envelope):
        mailbox.keep(envelope.original_content)
        return "250 2.0.0 kept"


class Command(BaseCommand):
    help = "Keeps the mails of this machine in a folder; for one's own machine only."
    requires_system_checks = []

    def handle(self, **options):
        if settings.IS_PRODUCTION:
            raise CommandError("Production sends mail through EMAIL_HOST; nothing is kept here.")
        stopping = threading.Event()
        for asked in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asked, lambda number, frame: stopping.set())
        logging.getLogger("mail.log").setLevel(logging.WARNING)  # it would note who is written to
        server = Controller(
            Keep(),
            hostname=settings.EMAIL_HOST,
            port=settings.EMAIL_PORT,
            server_hostname="localhost",  # or it would ask the resolver who it is
        )
        server.start()
        log.info("mails are kept")
        stopping.wait()
        server.stop()
