"""The record of the local mail server: one file a mail, written before the server says yes."""

import email
import os
import re
import uuid
from email.policy import default as default_policy

from django.conf import settings


def folder():
    """Where the mails lie; private to its owner, because they have addresses in them."""
    place = settings.STATE_DIR / "mail"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def keep(mail):
    """Write `mail` (bytes) durably under its Message-ID; a second copy is a second file."""
    found = re.search(rb"(?im)^message-id:\s*<([^>\r\n]*)>", mail)
    place = folder()
    name = f"{_file_name(found[1].decode('ascii', 'replace') if found else 'none')}~{uuid.uuid4().hex}"
    half_written = place / f"{name}.part"
    with open(os.open(half_written, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(mail)
        file.flush()
        os.fsync(file.fileno())
    half_written.rename(place / f"{name}.eml")
    directory = os.open(place, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def holds(message_id):
    """Whether a mail of this Message-ID arrived."""
    return bool(files(message_id))


def files(message_id):
    return sorted(folder().glob(f"{_file_name(message_id.strip('<>'))}~*.eml"))


def read(message_id):
    """The mail as it arrived, an EmailMessage, or None."""
    for file in files(message_id):
        return email.message_from_bytes(file.read_bytes(), policy=default_policy)
    return None


def text_of(mail):
    """The words of a mail that `read` found, with plain line ends."""
    return mail.get_content().replace("\r\n", "\n")


def _file_name(message_id):
    return re.sub(r"[^A-Za-z0-9.@-]", "_", message_id)[:150]
