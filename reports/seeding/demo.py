"""The demo as a whole: made in one transaction, removed in one act."""

import datetime as dt

from django.db import transaction

from accounts.models import Facility
from admissions.models import Inquiry
from core.models import Happening
from programs.models import Bed
from programs.reminders import remind_person
from referrals.models import PartnerContact
from reports.seeding import house
from reports.seeding.beds import BedBook
from reports.seeding.ledger import Ledger
from reports.seeding.marks import MADE
from reports.seeding.story import Cast
from reports.seeding.today import Today
from reports.seeding.year import Teller

FULL_SCENE = 300  # inquiries from which on every bed and every open promise of the scene is told


class Demo:
    """What the tellers share: the ledger, the house, the bed book, the cast and the clock."""

    def __init__(self, *, seed, now, days, password):
        self.now = now
        self.since = now - dt.timedelta(days=days)
        self.ledger = Ledger(f"handrail {seed}")
        self.house = house.build(self.ledger, now=now, since=self.since, password=password)
        self.cast = Cast(self.ledger)
        self.book = BedBook(self.ledger.rows[Bed])
        self.contacts = self.ledger.rows[PartnerContact]


def make(*, seed, now, inquiries, days, password):
    """Make the demo around `now` (aware): `inquiries` of the last `days` days in all. Answers counts by noun."""
    with transaction.atomic():
        demo = Demo(seed=seed, now=now, days=days, password=password)
        house.hire(demo.house)
        teller = Teller(demo)
        scene = Today(demo, teller, share=min(1, inquiries / FULL_SCENE))
        scene.fill_beds()
        scene.open_work()
        told = len(demo.ledger.rows[Inquiry])
        teller.tell_year(max(inquiries - told, 0), start=demo.since, end=now)
        for facility in demo.ledger.rows[Facility]:
            demo.ledger.add(
                Happening,
                verb=MADE,
                text="Demo data was made",
                place_id=facility.pk,
                at=demo.since,
                data={
                    "seed": str(seed),
                    "organizations": [str(partner.organization_id) for partner in demo.house.partners],
                    "users": [user.pk for user in demo.house.staff.values()],
                },
            )
        demo.ledger.write()
        for appointment in scene.expected:
            remind_person(appointment, now=now)
    return {"facilities": 2, "users": len(demo.house.staff)} | demo.ledger.counts()
