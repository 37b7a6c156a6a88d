"""What is open right now: who is in which bed, what was promised, who waits. Every time is counted from now."""

import datetime as dt

from admissions.enums import CallOutcome, Channel, Direction, Stage
from programs.enums import Category, UseKind
from programs.models import BedBlock, BedUse
from reports.seeding import stays
from reports.seeding.ledger import days, minutes
from reports.seeding.names import PROMISES
from reports.seeding.rhythm import round_up
from reports.seeding.stays import Care, local

# bed, name, sex, day of stay in this program, planned days
DETOX = """
D-01 Harold Vaughn m 3 5;D-02 Emeka Joshi m 1 7;D-03 Ray Corrigan m 6 5;D-04 Tobias Weiss m 5 6
D-05 Jun Lund m 2 7;D-08 Marcel Duarte m 4 5;D-09 Bridget Soto f 2 6;D-10 Yara Malik f 4 7
D-11 Alma Hartwell f 5 5;D-13 Corinne Acosta f 1 5;D-15 Delia Paddock f 6 6;D-16 Nadia Kovac f 3 7
D-17 Ana Barlow f 2 5;D-18 Kofi Ellery m 6 7;D-20 Lena Fontaine f 3 6;D-22 Otis Ramos m 1 7
D-23 Sunniva Holt f 4 7;D-24 Pavel Ivanov m 5 7
"""
RESIDENTIAL = """
R-01 Boris Kessler m 5 28;R-02 Caspar Lund m 13 28;R-03 Dev Shah m 19 28;R-04 Finn Ortega m 28 28
R-05 Grant Abara m 2 28;R-06 Hugo Pascal m 17 28;R-07 Isak Brandvold m 9 28;R-08 Jonas Eklund m 24 28
R-10 Greta Nilsen f 11 28;R-11 Simone Takeda f 20 28;R-12 Ivy Chavez f 27 28;R-13 Paula Zamora f 3 28
R-14 Hana Yilmaz f 16 28;R-15 Ruby Desai f 8 14;R-16 Elsa Maddox f 22 28;R-18 Kit Walsh m 7 28
R-19 Lou Torres f 15 28;R-20 Mo Haddad m 21 28;R-21 Nico Valdez m 4 28;R-23 Pia Galvan f 12 28
R-24 Remy Jarvis m 26 28
"""
IOP = """
S-01 Amara Finch f 3 42;S-02 Silas Rowe m 12 42;S-03 Petra Ibarra f 20 42;S-04 Omar Beckett m 35 42
S-05 Wanda Pike f 8 42;S-06 Felix Garrity m 41 42;S-07 Mira Quintero f 16 42;S-08 Abel Sutter m 27 42
S-09 Rhoda Jamison f 5 42;S-10 Leon Fujita m 30 42;S-13 Edith Moreau f 2 42;S-14 Stefan Vega m 10 42
S-15 Selma Hayashi f 24 42;S-16 Victor Doyle m 38 42;S-17 Celia Navarro f 14 42;S-18 Milo Stroud m 19 42
S-19 Zora Kimball f 33 42;S-20 Cyrus Farrow m 6 42
"""
LIVING = """
T-01 Thea Winslow f 40 90;T-02 Gloria Redmond f 12 90;T-03 Una Sandoval f 71 90;T-04 Kaya Ingram f 25 90
T-07 Andre Lachance m 8 90;T-08 Ivan Calder m 55 90;T-09 Mateo Ziegler m 88 90;T-10 Elias Forde m 33 90
T-11 Rafael Cobb m 18 90
"""
HOUSES = [
    (DETOX, Category.RES_MED),
    (RESIDENTIAL, Category.RES_HIGH),
    (IOP, Category.IOP),
    (LIVING, Category.RECOVERY_RES),
]

# minutes from now, caller, relation, person, promise, stage, unanswered tries before
LATE_AND_SOON = [
    (-34, "Odette Baines", "partner", "Carys Baines", "Confirm Monday arrival and what to pack.", Stage.SCHEDULED, 1),
    (-59, "Priscilla Nwosu", "professional", "Jules Kaplan", "Answer on the residential date.", Stage.DECISION, 1),
    (-19, "", "self", "Luis Ferrand", "Tell him what his plan pays for residential.", Stage.BENEFITS, 2),
    (16, "Imani Castellano", "child", "Bruno Castellano", "Explain the detox visiting times.", Stage.SCHEDULED, 0),
    (31, "", "self", "Noor Haddad", "Ask again about medicines, then the pre-screen.", Stage.PRE_SCREEN, 0),
    (106, "Bettina Kroll", "mother", "Anders Kroll", "Family session times for next week.", Stage.BENEFITS, 0),
]
MILL_SOON = [
    (-12, "Rosa Pereira", "mother", "Tomas Pereira", "Say which evening group has a seat.", Stage.PRE_SCREEN, 0),
    (41, "", "self", "Vera Halloran", "Call after work about the first evening.", Stage.BENEFITS, 1),
    (125, "Stefan Mercer", "sibling", "Lorna Mercer", "Explain how transitional living works.", Stage.PRE_SCREEN, 0),
]
STEPS = [Stage.PRE_SCREEN, Stage.BENEFITS, Stage.DECISION, Stage.SCHEDULED]


class Today:
    """The open work of both facilities, told with the same voice as the year."""

    def __init__(self, demo, teller, share):
        self.demo, self.teller, self.rng, self.now = demo, teller, demo.ledger.rng, demo.now
        self.house, self.share = demo.house, share
        self.alma, self.expected = None, []

    # --- Who is where ---

    def fill_beds(self):
        """Everybody in care now, with the way they came; before the year, which takes what is left of the beds."""
        self.blocked()
        for table, category in HOUSES:
            rows = [row for line in table.split("\n") for row in line.split(";") if row]
            for row in rows[: max(1, round(len(rows) * self.share))]:
                code, *names, sex, day, of = row.split()
                self.resident(
                    self.house.beds[code],
                    " ".join(names),
                    {"f": "female", "m": "male"}[sex],
                    int(day),
                    int(of),
                    category,
                )

    def resident(self, bed, name, sex, day, of, category):
        """In `bed` on day `day` of `of`; residents mostly came through detox in the same stay."""
        rng, demo, program = self.rng, self.demo, bed.unit.program
        facility = program.facility
        start = min(
            local(facility, self.now, rng.randrange(10, 17), rng.choice([0, 20, 40]), add_days=1 - day),
            self.now - minutes(50),
        )
        before = None
        if category == Category.RES_HIGH and rng.random() < 0.85:
            began = local(facility, start, rng.randrange(10, 18), 10, add_days=-rng.randrange(4, 7))
            before = demo.book.find(rng, self.house.programs[Category.RES_MED], began, start, sex)
        admitted = began if before else start
        opened = admitted - dt.timedelta(hours=rng.choice([5, 8, 20, 28]), minutes=rng.randrange(60))
        channel = rng.choice([Channel.CALL, Channel.CALL, Channel.CALL, Channel.WEB, Channel.REFERRAL])
        story = self.teller.open(facility, opened, name=name, sex=sex, channel=channel)
        reached = opened
        if channel == Channel.CALL:
            self.teller.ask_safety(story, opened + minutes(1), story.call(opened, direction=Direction.IN))
        else:
            reached = opened + minutes(rng.randrange(3, 25))
            self.teller.ask_safety(story, reached + minutes(1), story.call(reached))
        self.teller.tell_use(story, reached)
        clinician = self.teller.towards_admission(story, reached, admitted, (before or bed).unit.program)
        if facility == self.house.north and rng.random() < 0.4:
            clinician = self.house.staff["clinician"]
        care = Care(demo, facility, story.person, admitted, by=clinician, request_id=story.inquiry.pk)
        therapies = ["group", *rng.sample(["cbt", "dbt", "mi", "family"], k=2)]
        if before:
            care.place(
                before,
                admitted,
                start,
                by=clinician,
                planned_end_on=facility.today(start),
                therapies=["mi", "group"],
                therapist=clinician,
            )
        care.place(
            bed,
            start,
            None,
            by=clinician,
            planned_end_on=facility.today(self.now) + days(of - day),
            therapies=therapies if name != "Alma Hartwell" else ["cbt", "mi", "group", "family", "dbt"],
            therapist=clinician,
        )
        self.teller.arrive(story, admitted, (before or bed), clinician)
        if name == "Alma Hartwell":
            self.alma = story
        return care

    def blocked(self):
        north, staff = self.house.north, self.house.staff
        for code, kind, since, until, reason in [
            ("D-14", UseKind.BLOCK, 30, local(north, self.now, 12, add_days=3), "Plumbing"),
            ("R-22", UseKind.BLOCK, 50, local(north, self.now, 12, add_days=7), "Window"),
            ("D-19", UseKind.CLEANING, 1, round_up(self.now + minutes(105)), "Cleaning"),
        ]:
            start = self.now - dt.timedelta(hours=since)
            use = self.demo.ledger.add(BedUse, bed=self.house.beds[code], kind=kind, period=(start, None))
            self.demo.ledger.add(
                BedBlock, facility=north, use=use, reason=reason, until=until, by=staff["clinician"], created_at=start
            )
            self.demo.book.take(self.house.beds[code], start, None)

    # --- What is owed ---

    def open_work(self):
        """Promises, web inquiries, holds, arrivals and decisions of this hour."""
        north, mill, staff = self.house.north, self.house.mill, self.house.staff
        self.overnight()
        self.last_evening()
        for facility, rows in ((north, LATE_AND_SOON), (mill, MILL_SOON)):
            for row in rows[: max(2, round(len(rows) * self.share))]:
                self.promised(facility, *row)
        self.withheld()
        self.from_the_hospital()
        if self.alma:
            stays.hold(
                self.demo,
                north,
                self.house.beds["R-09"],
                self.alma.person,
                by=staff["clinician"],
                held_at=self.now - dt.timedelta(hours=3),
                expires_at=self.now + minutes(346),
                reason="Steps down this afternoon",
            )
        self.web(north, 21 * 60 + 40, "Tamsin", "self", "", "I am scared to stop.")
        self.web(north, 9 * 60 + 5, "", "sibling", "Joel Pascal", "Insurance card attached. Please call, not text.")
        self.web(
            north, 72, "", "friend", "", "A friend drinks with ketamine. I do not know what to do.", email_only=True
        )
        self.web(mill, 4 * 60 + 20, "Marisol Quigley", "self", "", "Is there a group in the evening?")
        for n in range(max(2, round(11 * self.share))):
            self.later(north, n)
        for facility, count in ((north, 3), (mill, 2)):
            for n in range(max(1, round(count * self.share))):
                self.arrival(facility, n)
                self.decision(facility, n)

    def overnight(self):
        """Two calls of last night: one with a bed held and a promise for today, one sent to the emergency room."""
        house, now, staff = self.house, self.now, self.house.staff
        night = local(house.north, now - dt.timedelta(hours=7), 23, 1, add_days=-1)
        if now - night > dt.timedelta(hours=22):  # hold limits: at most a day
            night = now - dt.timedelta(hours=10)
        story = self.teller.open(
            house.north,
            night,
            channel=Channel.CALL,
            name="Devin Oakes",
            sex="male",
            age=26,
            caller_name="Renata Oakes",
            relation="mother",
            number="+13125550142",
            source="search",
            owner=staff["night"],
            words="He fell down the stairs on Tuesday and laughed. He goes to the bathroom every twenty minutes.",
        )
        call = story.call(
            night,
            direction=Direction.IN,
            length=6,
            notes="At home with her. Said yes to talking to someone, for the first time.",
        )
        story.safety(night + minutes(1), call)
        story.uses("ketamine", "alcohol", at=night, setting="recreational")
        story.move(Stage.PRE_SCREEN, night + minutes(6))
        story.inquiry.owner = staff["coordinator"]
        stays.hold(
            self.demo,
            house.north,
            house.beds["D-07"],
            story.person,
            by=staff["night"],
            held_at=night + minutes(3),
            expires_at=now + minutes(136),
            reason="Caller on the line",
            request_id=story.inquiry.pk,
        )
        story.promise(
            now - minutes(14),
            "I will call you back with what a first day looks like.",
            made_at=night + minutes(5),
            owner=staff["coordinator"],
        )

        early = (
            local(house.north, night + dt.timedelta(hours=2), 3, 22)
            if night + dt.timedelta(hours=5) < now
            else now - dt.timedelta(hours=6)
        )
        early = early if early > night else night + dt.timedelta(hours=4)
        story = self.teller.open(
            house.north,
            early,
            channel=Channel.CALL,
            name="Caleb Munroe",
            sex="male",
            relation="self",
            source="insurance",
            owner=staff["night"],
            words="Day two. I shake and I see things at the window.",
        )
        call = story.call(
            early,
            direction=Direction.IN,
            length=11,
            notes="Day two without a drink, seizure in 2023. Ambulance arrived.",
        )
        story.safety(early + minutes(1), call, answer="yes", action="called_911", closed_by=staff["manager"])
        story.uses("alcohol", at=early)
        story.move(Stage.PRE_SCREEN, early + minutes(12))
        story.inquiry.owner = staff["coordinator"]
        story.promise(
            now + minutes(76),
            "Call the ward about the next step.",
            made_at=early + minutes(12),
            owner=staff["coordinator"],
        )

    def last_evening(self):
        """A promise of yesterday evening that nobody has kept or closed."""
        story = self.caller_of_before("Garrett Lowe", "self", "", days_ago=2)
        due = local(self.house.north, self.now, 17, 30, add_days=-1)
        for n in range(3):
            story.call(due - dt.timedelta(hours=20 - 6 * n), CallOutcome.NO_ANSWER)
        story.promise(
            due, "Third attempt. After this one: keep, snooze or close.", made_at=due - dt.timedelta(hours=8)
        )

    def caller_of_before(
        self, name, relation, caller_name, *, days_ago=1, facility=None, channel=Channel.CALL, **given
    ):
        """A story that was opened a while ago and answered, owned by the coordinator of the day."""
        facility = facility or self.house.north
        owner = self.house.staff["coordinator2" if facility == self.house.mill else "coordinator"]
        at = local(facility, self.now, self.rng.randrange(9, 17), self.rng.randrange(60), add_days=-days_ago)
        story = self.teller.open(
            facility, at, channel=channel, name=name, relation=relation, caller_name=caller_name, owner=owner, **given
        )
        call = story.call(at, direction=Direction.IN)
        story.safety(at + minutes(1), call)
        self.teller.tell_use(story, at)
        return story

    def up_to(self, story, stage):
        """Through the stages to `stage`, in the hours after the opening."""
        at = story.inquiry.opened_at + minutes(10)
        for step in STEPS[: STEPS.index(stage) + 1]:
            if step == Stage.SCHEDULED:
                program = next(p for p in self.house.programs.values() if p.facility_id == story.facility.pk)
                story.decide(
                    "accepted",
                    at,
                    by=self.teller.clinicians(story.facility)[0],
                    program=program,
                    reason="Fits the level, can come safely",
                )
            story.move(step, at)
            at = min(at + minutes(95), self.now - minutes(61))

    def promised(self, facility, offset, caller, relation, person, text, stage, tries):
        story = self.caller_of_before(
            person, relation, caller, facility=facility, days_ago=self.rng.choice([1, 1, 2, 3])
        )
        self.up_to(story, stage)
        for n in range(tries):
            story.call(self.now - dt.timedelta(hours=3 + n), CallOutcome.NO_ANSWER)
        story.promise(_spoken(self.now, offset), text, made_at=story.inquiry.opened_at + minutes(9))

    def withheld(self):
        """A withheld number about a brother: the person has no name yet."""
        at = self.now - dt.timedelta(hours=15)
        story = self.teller.open(
            self.house.north,
            at,
            channel=Channel.CALL,
            relation="self",
            name=" ",
            owner=self.house.staff["coordinator"],
            words="Do not call the house. Call me before work.",
        )
        story.inquiry.relation, story.inquiry.contact_point, story.point = "sibling", None, None
        story.safety(at + minutes(1), story.call(at, direction=Direction.IN))
        story.promise(_spoken(self.now, -44), "Call once before work, no voicemail.", made_at=at + minutes(7))

    def from_the_hospital(self):
        """A discharge planner waits for a yes on a residential bed, which is held until then."""
        north, staff, now = self.house.north, self.house.staff, self.now
        at = now - dt.timedelta(hours=4)
        story = self.teller.open(
            north,
            at,
            channel=Channel.REFERRAL,
            name="Simi Adeyemi",
            sex="male",
            relation="professional",
            caller_name="Wes Tolliver",
            owner=staff["coordinator"],
            words="",
        )
        story.safety(at + minutes(11), story.call(at + minutes(10)))
        story.uses("alcohol", at=at)
        story.move(Stage.PRE_SCREEN, at + minutes(20))
        story.move(Stage.DECISION, at + minutes(40))
        stays.hold(
            self.demo,
            north,
            self.house.beds["R-17"],
            story.person,
            by=staff["coordinator"],
            held_at=at + minutes(25),
            expires_at=now + minutes(46),
            reason="Waits for the hospital",
            request_id=story.inquiry.pk,
        )
        story.promise(_spoken(now, 46), "Say yes or no on the bed.", made_at=at + minutes(26))

    def web(self, facility, seconds_ago, name, relation, caller_name, words, *, email_only=False):
        """A web inquiry nobody has answered yet."""
        at = self.now - dt.timedelta(seconds=seconds_ago)
        story = self.teller.open(
            facility,
            at,
            channel=Channel.WEB,
            name=name or " ",
            relation=relation,
            caller_name=caller_name or " ",
            words=words,
            source="search",
        )
        story.inquiry.owner = None
        if email_only:
            story.inquiry.contact_point = self.demo.cast.email(story.caller, at=at)

    def later(self, facility, n):
        story = self.caller_of_before(
            "", self.rng.choice(["self", "self", "mother", "partner"]), "", days_ago=self.rng.choice([1, 2, 3, 4])
        )
        self.up_to(story, self.rng.choice(STEPS[:3]))
        story.promise(
            _spoken(self.now, 125 + 35 * n), self.rng.choice(PROMISES), made_at=story.inquiry.opened_at + minutes(9)
        )

    def arrival(self, facility, n):
        """Expected today or tomorrow morning."""
        story = self.caller_of_before(
            "Thea Reyes" if facility == self.house.north and not n else "",
            "self",
            "",
            facility=facility,
            sex="female" if not n else "",
        )
        self.up_to(story, Stage.SCHEDULED)
        expected = self.teller.appointment(story, round_up(self.now + minutes(76 + 150 * n), 30), kind="admission")
        expected.remind_at = self.demo.cast.email(story.person, at=story.inquiry.opened_at)
        self.expected.append(expected)

    def decision(self, facility, n):
        """A clinician is asked to decide."""
        story = self.caller_of_before("", "self", "", facility=facility, days_ago=1 + n)
        self.up_to(story, Stage.DECISION)
        story.promise(
            _spoken(self.now, 90 + 60 * n),
            "Decide on admission.",
            made_at=story.inquiry.stage_since,
            kind="decision",
            owner=self.teller.clinicians(facility)[0],
        )


def _spoken(now, offset):
    """`offset` minutes from `now`, as people say times: on the five minutes where it is more than an hour away."""
    at = now + minutes(offset)
    at = at.replace(second=0, microsecond=0)
    return round_up(at, 5) if abs(offset) > 60 else at
