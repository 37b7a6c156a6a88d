"""The book that demo rows are written into, and from there into the database in one order."""

import datetime as dt
import random
import uuid
from contextlib import contextmanager

import pgtrigger
from django.db import models

from accounts.models import Facility, OpeningHours
from admissions.models import (
    AdmissionDecision,
    CallDraft,
    Inquiry,
    IntakeCall,
    SafetyCheck,
    StageChange,
    SubstanceUse,
    WebSubmission,
)
from core.models import Happening
from messaging.models import Attempt, Message
from people.models import ContactPoint, Organization, Person, PersonAtFacility, ReadEvent, Relationship
from privacy.models import Consent, ConsentRecipient, Disclosure, Revocation
from programs.models import Appointment, Bed, BedBlock, BedHold, BedUse, Placement, Program, Stay, Unit
from referrals.models import Partner, PartnerContact, Referral, ReferralMove
from therapy.models import TherapyAssignment
from work.models import Task

ORDER = [
    Facility, OpeningHours, Program, Unit, Bed, Organization, Partner, PartnerContact, Person, PersonAtFacility,
    ContactPoint, Relationship, Consent, ConsentRecipient, Revocation, Disclosure, Referral, ReferralMove, Inquiry,
    StageChange, IntakeCall, SafetyCheck, SubstanceUse, CallDraft, AdmissionDecision, WebSubmission, Task, BedUse,
    BedHold, BedBlock, Stay, Placement, Appointment, TherapyAssignment, Message, Attempt, ReadEvent, Happening,
]  # fmt: skip


class Ledger:
    """Rows by model, ids from one seeded generator: the same seed writes the same book.

    Rows may still be changed until `write`.
    """

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.rows = {model: [] for model in ORDER}

    def uuid(self):
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def add(self, model, **values):
        """A new row of `model`, with an id of ours where the id is a UUID."""
        if isinstance(model._meta.pk, models.UUIDField):
            values.setdefault("id", self.uuid())
        row = model(**values)
        self.rows[model].append(row)
        return row

    def write(self):
        """Write all rows in the caller's transaction: every constraint is on, and so is the trigger of bed uses.

        The row history begins with what people do from here on; 20,000 "inserted" entries
        would say nothing and take half the time.
        """
        with _own_times(), pgtrigger.ignore(*_history(ORDER)):
            for model in ORDER:
                model._base_manager.bulk_create(self.rows[model], batch_size=2000)

    def counts(self):
        """Rows by model name in the plural, for the printed summary."""
        return {
            str(model._meta.verbose_name_plural).replace(" ", "_"): len(rows)
            for model, rows in self.rows.items()
            if rows
        }


def _history(tables):
    """The uris of the triggers that keep row history of `tables`."""
    return [
        f"{model._meta.label}:{trigger.name}"
        for model in tables
        for trigger in getattr(model._meta, "triggers", [])
        if trigger.name in {"insert_insert", "update_update"}
    ]


@contextmanager
def _own_times():
    """Let rows of last year say when they were made, instead of now."""
    fields = [field for model in ORDER for field in model._meta.fields]
    stamps = [field for field in fields if isinstance(field, models.DateField) and field.auto_now_add]
    for field in stamps:
        field.auto_now_add = False
    try:
        yield
    finally:
        for field in stamps:
            field.auto_now_add = True


def days(count):
    return dt.timedelta(days=count)


def minutes(count):
    return dt.timedelta(minutes=count)
