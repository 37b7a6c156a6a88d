"""What a person is reminded of, and the neutral words of it (privacy.md 7.3)."""

import datetime as dt
import re

from django.utils import timezone

from core.times import instant, wall_clock
from messaging import purposes
from messaging import services as messaging
from messaging.purposes import No, Say
from programs.enums import AppointmentState
from programs.models import Appointment

APPOINTMENT_REMINDER = "appointment_reminder"
A_DAY = dt.timedelta(days=1)
LATEST_BEFORE = dt.timedelta(hours=3)
POINTLESS_BEFORE = dt.timedelta(hours=1)
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
CHANNELS = {"email": "email", "phone": "sms"}


def remind_person(appointment, *, now=None):
    """Plan the person's reminder of an appointment, in the caller's transaction; safe to repeat.

    The day before at the same time on the clock (also where it changes between them), or three hours
    before where that is over; nothing for one that is nearer than that, or without a contact point to
    remind by. Returns the Message or None.
    """
    now = now or timezone.now()
    contact_point = appointment.remind_at
    day_before = instant(appointment.on - A_DAY, appointment.time, appointment.zone)
    at = next((a for a in (day_before, appointment.starts_at - LATEST_BEFORE) if a > now), None)
    if at is None or contact_point is None or contact_point.kind not in CHANNELS:
        return None
    on, time = wall_clock(at, appointment.zone)
    return messaging.plan(
        APPOINTMENT_REMINDER,
        facility=appointment.facility,
        source=appointment,
        source_kind="appointment",
        source_version=appointment.version,
        slot_key=f"v{appointment.version}",
        on=on,
        time=time,
        zone=appointment.zone,
        expires_at=appointment.starts_at - POINTLESS_BEFORE,
        contact_point=contact_point,
        channel=CHANNELS[contact_point.kind],
    )


def say_appointment(message):
    """The minimum safe text: no program, no place, no kind of appointment, no surname."""
    appointment = Appointment.objects.select_related("facility", "remind_at").filter(pk=message.source_id).first()
    if appointment is None or appointment.state != AppointmentState.BOOKED:
        return No("cancelled")
    if appointment.version != message.source_version:
        return No("moved")
    if message.contact_point_id != appointment.remind_at_id or message.person_id != appointment.person_id:
        return No("not_this_person")  # a reminder to somebody else would be a disclosure
    facility, person = appointment.facility, message.person
    words = (
        f"reminder: you have an appointment {WEEKDAYS[appointment.on.weekday()]} {_clock(appointment.time)}. "
        f"Questions: {facility.neutral_phone}. Reply STOP to opt out."
    )
    name = _safe_first_name(person.given_name)
    text = f"{name}, {words}" if name else words[0].upper() + words[1:]
    if message.channel == "sms":
        return Say(subject="", body=text)
    return Say(subject="Appointment reminder", body=f"{text}\n\n{facility.neutral_name}\n")


def _clock(time):
    return f"{time.hour % 12 or 12}:{time.minute:02d} {'am' if time.hour < 12 else 'pm'}"


def _safe_first_name(name):
    """The first name if it is one: letters, at most 30, one line; else nothing."""
    name = name.strip()
    return name if re.fullmatch(r"[^\W\d_]([^\W\d_]|[ '’.-]){0,29}", name) else ""


def register():
    purposes.register(APPOINTMENT_REMINDER, say_appointment, label="Appointment reminder")
