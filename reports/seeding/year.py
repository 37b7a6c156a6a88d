"""A year of inquiries, from the first word to admission or a named reason why not."""

import datetime as dt

from admissions.enums import CallOutcome, Channel, ClosedBecause, Direction, Source, Stage
from programs.enums import Category, UseState
from programs.models import Appointment
from reports.seeding import referring, stays
from reports.seeding.ledger import days, minutes
from reports.seeding.names import BROKEN, KEPT, PROMISES, WORDS
from reports.seeding.rhythm import around, office, openings, round_up
from reports.seeding.stays import local
from reports.seeding.story import Story

CHANNELS = {Channel.CALL: 56, Channel.WEB: 28, Channel.REFERRAL: 12, Channel.WALK_IN: 4}
SOURCES = {
    Source.SEARCH: 30,
    Source.FAMILY: 20,
    Source.AD: 10,
    Source.ALUMNI: 9,
    Source.INSURANCE: 9,
    Source.UNKNOWN: 14,
    Source.OTHER: 4,
}
CALLERS = {
    "self": 52,
    "mother": 16,
    "partner": 12,
    "father": 5,
    "sibling": 6,
    "child": 3,
    "friend": 4,
    "professional": 2,
}
MIXES = [
    (("ketamine", "alcohol"), 26),
    (("ketamine",), 12),
    (("alcohol",), 24),
    (("fentanyl",), 9),
    (("fentanyl", "cocaine"), 4),
    (("heroin", "alcohol"), 3),
    (("oxycodone",), 5),
    (("benzodiazepine", "alcohol"), 5),
    (("cocaine", "alcohol"), 5),
    (("methamphetamine",), 4),
    (("cannabis",), 3),
    (("ketamine", "cannabis"), 3),
    (("ketamine", "alcohol", "cocaine"), 4),
]
ENDS = {
    "admitted": 42,
    ClosedBecause.NOT_NOW: 14,
    ClosedBecause.CHOSE_OTHER: 11,
    ClosedBecause.COVERAGE: 9,
    ClosedBecause.INFORMATION: 9,
    ClosedBecause.REFERRED_OUT: 8,
    ClosedBecause.DECLINED: 4,
    ClosedBecause.DUPLICATE: 2,
    ClosedBecause.SPAM: 1,
}


class Teller:
    """Tells inquiries of one demo: who was at the desk, who called, and what came of it."""

    def __init__(self, demo):
        self.demo, self.rng, self.house = demo, demo.ledger.rng, demo.house
        self.past = {facility.pk: [] for facility in self.house.facilities.values()}

    def pick(self, weights):
        if isinstance(weights, dict):
            weights = list(weights.items())
        return self.rng.choices([value for value, _ in weights], [weight for _, weight in weights])[0]

    def at_the_desk(self, facility, at):
        """The coordinator on duty at `at`."""
        staff, hour = self.house.staff, at.astimezone(facility.time_zone).hour
        if facility == self.house.mill:
            return staff["coordinator2"]
        if hour < 7 or hour >= 20:
            return staff["night"]
        return self.rng.choice([staff["coordinator"], staff["coordinator"], staff["second"]])

    def clinicians(self, facility):
        names = ["clinician2", "therapist2"] if facility == self.house.mill else ["clinician", "therapist", "groups"]
        return [self.house.staff[name] for name in names]

    def manager(self, facility):
        return self.house.staff["manager2" if facility == self.house.mill else "manager"]

    # --- One inquiry ---

    def open(
        self,
        facility,
        at,
        *,
        channel=None,
        person=None,
        relation=None,
        caller_name="",
        name="",
        sex="",
        age=None,
        words=None,
        number=None,
        source=None,
        owner=None,
    ):
        """A new story with person, caller and telephone; nothing has been answered yet."""
        cast, rng = self.demo.cast, self.rng
        channel = channel or self.pick(CHANNELS)
        relation = relation or self.pick(CALLERS)
        owner = owner or self.at_the_desk(facility, office(at, facility.time_zone) if channel == Channel.WEB else at)
        if person is None:
            person = cast.person(facility, at=at, name=name, sex=sex, age=age)
        caller = None
        if relation != "self":
            caller = cast.person(
                facility, at=at, name=caller_name, sex={"mother": "female", "father": "male"}.get(relation, "")
            )
        point = cast.phone(caller or person, facility, at=at, number=number)
        if rng.random() < 0.5:
            cast.email(person, at=at, ok_to_email=rng.random() < 0.8)
        partner = contact = None
        if channel == Channel.REFERRAL:
            partner = rng.choice(self.house.partners)
            contact = next((c for c in self.demo.contacts if c.partner_id == partner.pk), None)
            source = Source.PARTNER
        story = Story(
            self.demo,
            facility,
            person,
            opened_at=at,
            channel=channel,
            owner=owner,
            caller=caller,
            relation=relation,
            point=point,
            source=source or self.pick(SOURCES),
            words=rng.choice(WORDS) if words is None else words,
        )
        if partner:
            story.inquiry.referral = referring.referral_in(
                self.demo, facility, partner, person, at=at, made_by=owner, reason="Asks for a place"
            )
            story.inquiry.referral.contact = contact
        return story

    def answer(self, story, *, until):
        """Reach the caller: at once by telephone, else after a few tries. The instant of the first talk, or None."""
        rng, at, facility = self.rng, story.inquiry.opened_at, story.facility
        if story.inquiry.channel in (Channel.CALL, Channel.WALK_IN):
            call = story.call(at, direction=Direction.IN)
            self.ask_safety(story, at + minutes(1), call)
            return at
        at = office(at, facility.time_zone) + around(rng, 6 if story.inquiry.channel == Channel.WEB else 20)
        for wait in (0, 3, 22, 26):
            at = office(at + dt.timedelta(hours=wait), facility.time_zone) + minutes(rng.randrange(9))
            if at >= until:
                return None
            if rng.random() < (0.6 if not wait else 0.3):
                call = story.call(at)
                self.ask_safety(story, at + minutes(1), call)
                return at
            story.call(
                at, rng.choice([CallOutcome.VOICEMAIL, CallOutcome.NO_ANSWER, CallOutcome.NO_ANSWER, CallOutcome.BUSY])
            )
        return None

    def ask_safety(self, story, at, call):
        answer = self.pick({"none": 95, "cannot_tell": 4, "yes": 1})
        if answer == "yes":
            story.safety(
                at,
                call,
                answer=answer,
                action=self.rng.choice(["called_911", "caller_calls_911", "at_hospital"]),
                closed_by=self.manager(story.facility),
            )
        else:
            story.safety(at, call, answer=answer)

    def tell_use(self, story, at):
        story.uses(*self.pick(MIXES), at=at)

    def follow_up(self, story, at, *, until):
        """A promise after the talk at `at`, kept nine times of ten; the instant it was closed, or None."""
        rng = self.rng
        due = office(round_up(at + dt.timedelta(hours=rng.choice([2, 4, 18, 22, 26, 48]))), story.facility.time_zone)
        due = round_up(due)
        if due + dt.timedelta(hours=3) >= until:
            return None
        kept = rng.random() < 0.9
        closed = due + (minutes(rng.randrange(-25, 4)) if kept else minutes(rng.randrange(25, 160)))
        outcome = rng.choice(KEPT if kept else BROKEN)
        if "no answer" in outcome or "voicemail" in outcome:
            story.call(closed - minutes(1), CallOutcome.VOICEMAIL if "voicemail" in outcome else CallOutcome.NO_ANSWER)
        elif "Nobody" not in outcome:
            story.call(closed - minutes(1))
        story.promise(
            due,
            rng.choice(PROMISES),
            made_at=at + minutes(6),
            state="kept" if kept else "broken",
            outcome=outcome,
            closed_at=closed,
        )
        return closed

    def towards_admission(self, story, reached, admitted, program):
        """Benefits, decision and a date, evenly spread between the talk and the arrival."""
        step = (admitted - reached) / 5
        story.move(Stage.PRE_SCREEN, reached + step * 0.2)
        story.move(Stage.BENEFITS, reached + step)
        story.move(Stage.DECISION, reached + step * 2)
        clinician = self.rng.choice(self.clinicians(story.facility))
        story.decide(
            "accepted",
            reached + step * 3,
            by=clinician,
            program=program,
            reason="Fits the level, can come safely, wants to come",
        )
        story.move(Stage.SCHEDULED, reached + step * 3, by=clinician)
        return clinician

    def arrive(self, story, admitted, bed, clinician):
        """The hold that became the stay, the appointment that was kept, the consent for the family."""
        demo, rng, facility = self.demo, self.rng, story.facility
        story.move(Stage.ADMITTED, admitted, by=clinician)
        held_at = story.inquiry.first_reached_at + minutes(5)
        if rng.random() < 0.6 and admitted - held_at < dt.timedelta(hours=20) and held_at < admitted:
            stays.hold(
                demo,
                facility,
                bed,
                story.person,
                by=story.owner,
                held_at=held_at,
                expires_at=round_up(admitted + dt.timedelta(hours=2)),
                reason="Coming in",
                request_id=story.inquiry.pk,
                state=UseState.FULFILLED,
            )
        if rng.random() < 0.6:
            self.appointment(story, admitted.replace(second=0, microsecond=0), kind="admission", state="kept")
        if story.caller is not story.person and rng.random() < 0.6:
            referring.consent_for(
                demo,
                facility,
                story.person,
                at=admitted + minutes(50),
                by=clinician,
                to_person=story.caller,
                purpose="family",
            )
        if story.inquiry.referral:
            self.answer_referral(story.inquiry.referral, "arrived", admitted)

    def answer_referral(self, referral, state, at):
        referring.move(self.demo, referral, state, at, before=referral.state, by=referral.made_by)

    def appointment(self, story, starts_at, *, kind, state="booked", place="", with_user=None):
        on, time = (local_at := starts_at.astimezone(story.facility.time_zone)).date(), local_at.time()
        return self.demo.ledger.add(
            Appointment,
            facility=story.facility,
            person=story.person,
            kind=kind,
            on=on,
            time=time,
            zone=story.facility.zone,
            starts_at=starts_at,
            state=state,
            booked_by=story.owner,
            created_at=story.inquiry.opened_at,
            place=place,
            with_user=with_user,
        )

    # --- The year ---

    def tell_year(self, count, *, start, end):
        """`count` inquiries between `start` and `end`: six of ten at the first facility."""
        for facility, part in (
            (self.house.north, round(count * 0.62)),
            (self.house.mill, count - round(count * 0.62)),
        ):
            for at in openings(self.rng, part, start=start, end=end, zone=facility.zone):
                self.tell_one(facility, at, end)

    def tell_one(self, facility, at, now):
        rng = self.rng
        past = self.past[facility.pk]
        returning = rng.choice(past) if past and rng.random() < 0.06 else None
        if returning and (returning[1] is None or returning[1] + days(5) > at):
            returning = None
        story = self.open(
            facility,
            at,
            person=returning and returning[0],
            source=Source.RETURNING if returning else None,
            relation="self" if returning else None,
        )
        quiet = now - dt.timedelta(hours=5)
        reached = self.answer(story, until=quiet)
        if reached is None:
            last = story.inquiry.first_attempt_at
            if last and at + days(5) < quiet:
                story.close(ClosedBecause.UNREACHED, at + days(4))
                if story.inquiry.referral:
                    self.answer_referral(story.inquiry.referral, "unreachable", at + days(4))
            return
        self.tell_use(story, reached)
        end = self.pick(ENDS)
        if rng.random() < 0.7 and end not in (ClosedBecause.SPAM, ClosedBecause.DUPLICATE):
            reached_again = self.follow_up(story, reached, until=quiet)
        else:
            reached_again = None
        if end == "admitted":
            self.admit(story, reached_again or reached, quiet)
        else:
            closes = (reached_again or reached) + dt.timedelta(hours=rng.choice([1, 5, 20, 30, 70]))
            story.move(Stage.PRE_SCREEN, (reached_again or reached) + minutes(8))
            if closes >= quiet:
                return
            self.end_without(story, end, closes)

    def end_without(self, story, end, at):
        if end == ClosedBecause.REFERRED_OUT:
            partner = self.rng.choice([p for p in self.house.partners if p.takes])
            states = self.rng.choice(
                [["accepted", "arrived"], ["accepted", "arrived"], ["seen", "declined"], ["no_capacity"]]
            )
            referring.referral_out(
                self.demo,
                story.facility,
                partner,
                story.person,
                at=at - minutes(30),
                made_by=story.owner,
                moves=[(state, at + dt.timedelta(hours=20 * (n + 1))) for n, state in enumerate(states)],
                reason="Needs what we do not offer",
            )
        if end == ClosedBecause.DECLINED:
            story.move(Stage.DECISION, at - minutes(50))
            story.decide(
                "declined",
                at - minutes(20),
                by=self.clinicians(story.facility)[0],
                reason="Needs a hospital first, told where",
            )
        story.close(end, at)
        if story.inquiry.referral:
            self.answer_referral(story.inquiry.referral, "declined", at)

    def admit(self, story, reached, quiet):
        """Admission the same day or soon after, if a bed is free; the bed decides whether it happened."""
        rng, facility, programs = self.rng, story.facility, self.house.programs
        wait = rng.choice([0, 0, 0, 1, 1, 2, 4])
        admitted = local(facility, reached, rng.randrange(10, 18), rng.randrange(60), add_days=wait)
        admitted = max(admitted, reached + dt.timedelta(hours=3))
        if admitted >= quiet:
            story.move(Stage.PRE_SCREEN, reached + minutes(8))
            if reached + dt.timedelta(hours=4) < quiet:
                story.move(Stage.BENEFITS, reached + dt.timedelta(hours=2))
            return
        if facility == self.house.north:
            detox, residential = programs[Category.RES_MED], programs[Category.RES_HIGH]
            chain = [(detox, rng.randrange(4, 8))] + [(residential, rng.choice([14, 21, 28]))] * (rng.random() < 0.42)
            if rng.random() < 0.1:
                chain = [(residential, rng.choice([21, 28]))]
        else:
            iop, living = programs[Category.IOP], programs[Category.RECOVERY_RES]
            chain = [(iop, rng.choice([28, 35, 42]))] + [(living, rng.randrange(30, 90))] * (rng.random() < 0.25)
            if rng.random() < 0.15:
                chain = [(living, rng.randrange(40, 100))]
        clinician = rng.choice(self.clinicians(facility))
        care = stays.past_stay(self.demo, story, rng, admitted, chain, by=clinician, therapist=clinician)
        if care is None:
            story.move(Stage.PRE_SCREEN, reached + minutes(8))
            story.close(ClosedBecause.NO_BED, admitted)
            if story.inquiry.referral:
                self.answer_referral(story.inquiry.referral, "no_capacity", admitted)
            return
        self.towards_admission(story, reached, admitted, chain[0][0])
        self.arrive(story, admitted, care.placements[0].use.bed, clinician)
        self.past[facility.pk].append((story.person, care.stay.discharged_at))
