"""Telephone numbers as people say them, and as we compare them."""

import re

import phonenumbers
from django.conf import settings

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def normal_phone(text):
    """E.164 of a valid number ("+13125550142"), else its digits, else "" when there is none.

    Nothing is refused: a number with a digit missing may still be what the caller said. Extensions stay
    in what was typed and are not compared.
    """
    text = (text or "")[:254]
    try:
        number = phonenumbers.parse(text, settings.PHONENUMBER_DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        number = None
    if number and phonenumbers.is_valid_number(number):
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return "".join(str(int(char)) for char in text if char.isdecimal())


def reach(text):
    """(kind, normal) of a way to be reached as typed: "email", "phone", or "address" for other words.

    ("", "") for nothing at all.
    """
    words = " ".join((text or "").split())
    if _EMAIL.fullmatch(words):
        return "email", words.lower()
    normal = normal_phone(words)
    if len(normal) >= 3:
        return "phone", normal
    return ("address", words.lower()) if words else ("", "")
