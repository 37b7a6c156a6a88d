"""One inquiry told from the first word on: calls, safety, substances, promises, stages."""

import datetime as dt

from django.utils import timezone

from admissions.enums import CallOutcome, Channel, ClosedBecause, Direction, Stage
from admissions.models import (
    AdmissionDecision,
    Inquiry,
    IntakeCall,
    SafetyCheck,
    StageChange,
    SubstanceUse,
    WebSubmission,
)
from admissions.substances import find
from core.models import Happening
from core.times import wall_clock
from messaging.models import Attempt, Message
from people.models import ContactPoint, Person, PersonAtFacility, Relationship
from reports.seeding.ledger import days, minutes
from reports.seeding.names import (
    AMOUNTS,
    AREA_CODES,
    FAMILY,
    GIVEN,
    LAST_USE,
    NOTES,
    SPARE_AREA_CODES,
    SUBSTANCES,
)
from work.models import Task


class Cast:
    """Makes persons with telephone numbers, each number once while there are any left."""

    def __init__(self, ledger):
        self.ledger, self.rng = ledger, ledger.rng
        self._numbers = {slug: self._each(codes + SPARE_AREA_CODES) for slug, codes in AREA_CODES.items()}

    def _each(self, codes):
        while True:
            for line in range(199, 101, -1):
                for code in codes:
                    yield f"+1{code}555{line:04d}"

    def number(self, facility):
        return next(self._numbers[facility.slug])

    def person(self, facility, *, at, name="", sex="", age=None, birth_on=None, because="contact", **given):
        """Somebody known at `facility` since `at`; without a name an invented one."""
        rng = self.rng
        sex = sex or rng.choice(["female", "male", "male"])
        if not name:
            name = f"{rng.choice(GIVEN[sex])} {rng.choice(FAMILY)}"
        given_name, _, family_name = name.partition(" ")
        if birth_on is None and age is None:
            birth_on = at.date() - days(rng.randrange(19 * 365, 63 * 365))
        person = self.ledger.add(
            Person,
            given_name=given_name,
            family_name=family_name,
            birth_on=birth_on,
            age_about=age,
            age_told_on=at.date() if age else None,
            sex=sex,
            language="English",
            needs_interpreter=False,
            created_at=at,
            **given,
        )
        self.know(person, facility, at, because)
        return person

    def know(self, person, facility, at, because="contact"):
        self.ledger.add(PersonAtFacility, person=person, facility=facility, because=because, since=at)

    def phone(self, person, facility, *, at, number=None, **ok):
        number = number or self.number(facility)
        given = {"ok_to_call": True, "ok_to_voicemail": self.rng.random() < 0.4, "ok_to_text": self.rng.random() < 0.7}
        return self.ledger.add(
            ContactPoint,
            person=person,
            kind="phone",
            value=number,
            normal=number,
            is_preferred=True,
            created_at=at,
            **given | ok,
        )

    def email(self, person, *, at, ok_to_email=True):
        address = f"{person.given_name}.{person.family_name or 'x'}{self.rng.randrange(100, 999)}@example.org".lower()
        return self.ledger.add(
            ContactPoint,
            person=person,
            kind="email",
            value=address,
            normal=address,
            ok_to_email=ok_to_email,
            created_at=at,
        )


class Story:
    """One inquiry and its rows. Every method takes the instant it happens at (aware) and writes what follows."""

    def __init__(
        self,
        demo,
        facility,
        person,
        *,
        opened_at,
        channel,
        owner,
        caller=None,
        relation="self",
        point=None,
        source="unknown",
        words="",
        referral=None,
        answered=True,
    ):
        self.demo, self.ledger, self.facility, self.person = demo, demo.ledger, facility, person
        self.owner, self.caller, self.point = owner, caller or person, point
        contact = channel in (Channel.CALL, Channel.WALK_IN) and answered
        self.inquiry = self.ledger.add(
            Inquiry,
            facility=facility,
            person=person,
            channel=channel,
            owner=owner,
            caller=caller or person,
            relation=relation,
            contact_point=point,
            source=source,
            referral=referral,
            words=words,
            opened_at=opened_at,
            stage=Stage.NEW,
            stage_since=opened_at,
            first_attempt_at=opened_at if contact else None,
            first_reached_at=opened_at if contact else None,
            created_by=None if channel == Channel.WEB else owner,
        )
        if caller is not None:
            self.ledger.add(Relationship, person=person, other=caller, relation=relation)
        by = self.inquiry.created_by
        self.ledger.add(StageChange, inquiry=self.inquiry, to_stage=Stage.NEW, at=opened_at, by=by)
        self.tell(
            "inquiry.opened",
            f"{Channel(channel).label} received",
            opened_at,
            by=by,
            subject=self.inquiry,
            channel=str(channel),
            source=str(source),
        )
        if channel == Channel.WEB:
            self.ledger.add(
                WebSubmission,
                facility=facility,
                inquiry=self.inquiry,
                received_at=opened_at,
                fields={"message": words, "phone": point.value if point else ""},
            )

    def tell(self, verb, text, at, *, by, subject, **data):
        self.ledger.add(
            Happening,
            verb=verb,
            text=text,
            actor=by,
            about_id=self.person.pk,
            place_id=self.facility.pk,
            subject_id=subject.pk,
            at=at,
            data=data,
        )

    def call(self, at, outcome=CallOutcome.REACHED, *, direction=Direction.OUT, length=0, notes=None, by=None):
        """One call or attempt; sets first attempt and first conversation like the live service."""
        rng, by, inquiry = self.ledger.rng, by or self.owner, self.inquiry
        reached = outcome == CallOutcome.REACHED
        length = length or (rng.randrange(3, 22) if reached else 1)
        notes = (rng.choice(NOTES) if reached else "") if notes is None else notes
        number = self.point.value if self.point and self.point.kind == "phone" else ""
        call = self.ledger.add(
            IntakeCall,
            facility=self.facility,
            inquiry=inquiry,
            caller=self.caller,
            direction=direction,
            number=number,
            normal=number,
            began_at=at,
            ended_at=at + dt.timedelta(minutes=length, seconds=rng.randrange(60)),
            outcome=outcome,
            notes=notes,
            by=by,
            created_at=at,
        )
        inquiry.first_attempt_at = min(filter(None, [inquiry.first_attempt_at, at]))
        if reached and inquiry.first_reached_at is None:
            inquiry.first_reached_at = at
        words = "Call taken" if direction == Direction.IN else f"Called: {outcome.label.lower()}"
        self.tell("call.recorded", words, at, by=by, subject=call, outcome=str(outcome), direction=str(direction))
        return call

    def safety(self, at, call=None, *, answer="none", action="", by=None, closed_by=None):
        """The danger question with its answer; an alert is closed by a second person twenty minutes later."""
        alert = answer == "yes"
        self.ledger.add(
            SafetyCheck,
            facility=self.facility,
            inquiry=self.inquiry,
            call=call,
            answer=answer,
            asked_at=at,
            can_be_reached=True if answer == "cannot_tell" else None,
            is_e1=alert,
            asked_by=by or self.owner,
            action=action,
            action_at=at + minutes(3) if action else None,
            action_by=(by or self.owner) if action else None,
            closed_at=at + minutes(20) if closed_by else None,
            closed_by=closed_by,
        )

    def uses(self, *told, at=None, setting=""):
        """Substances in the order told: names of SUBSTANCES."""
        rng = self.ledger.rng
        for rank, name in enumerate(told, 1):
            words, routes = SUBSTANCES[name]
            last, said = rng.choice(LAST_USE), rng.choice(words)
            known = find(said) or find(name)
            self.ledger.add(
                SubstanceUse,
                inquiry=self.inquiry,
                rank=rank,
                name=said,
                substance=known.code if known else "",
                route=rng.choice(routes),
                setting=setting or _setting(rng, name),
                amount=rng.choice(AMOUNTS.get(name, [""])),
                last_use=last,
                last_use_at=at - dt.timedelta(hours=10) if at and last == "last night" else None,
            )

    def move(self, stage, at, *, by=None, why=""):
        """To `stage` at `at`, with the change written down."""
        inquiry, before = self.inquiry, Stage(self.inquiry.stage)
        by = by or self.owner
        self.ledger.add(StageChange, inquiry=inquiry, from_stage=before, to_stage=stage, at=at, by=by)
        inquiry.stage, inquiry.stage_since = stage, at
        inquiry.admitted_at = at if stage == Stage.ADMITTED else None
        words = f"{before.label} → {Stage(stage).label}{f': {why}' if why else ''}"
        self.tell("inquiry.moved", words, at, by=by, subject=inquiry, to=str(stage), before=str(before))

    def close(self, because, at, note=""):
        self.move(Stage.CLOSED, at, why=ClosedBecause(because).label)
        self.inquiry.closed_at, self.inquiry.closed_because, self.inquiry.closed_note = at, because, note

    def decide(self, outcome, at, *, by, program=None, reason):
        decision = self.ledger.add(
            AdmissionDecision,
            inquiry=self.inquiry,
            outcome=outcome,
            program=program,
            reason=reason,
            decided_at=at,
            decided_by=by,
        )
        self.tell(
            "admission.decided", f"Decision: {decision.get_outcome_display().lower()}", at, by=by, subject=decision
        )
        return decision

    def promise(
        self,
        due_at,
        text,
        *,
        made_at,
        owner=None,
        kind="promise",
        state="open",
        outcome="",
        closed_at=None,
        person=None,
        rule="",
    ):
        """Who will do what by when. The wall clock is the facility's. A reminder of ten minutes before was sent for a
        promise that is due or over."""
        owner = owner or self.owner
        on, time = wall_clock(due_at, self.facility.zone)
        task = self.ledger.add(
            Task,
            facility=self.facility,
            kind=kind,
            person=person or self.person,
            contact_point=self.point,
            subject_kind="inquiry",
            subject_id=self.inquiry.pk,
            owner=owner,
            text=text,
            due_on=on,
            due_time=time,
            zone=self.facility.zone,
            due_at=due_at,
            state=state,
            outcome=outcome,
            closed_at=closed_at,
            closed_by=owner if closed_at else None,
            created_by=owner,
            created_at=made_at,
            rule=rule,
        )
        noun = "promise" if kind == "promise" else "task"
        self.tell(f"{noun}.made", text, made_at, by=owner, subject=task)
        if closed_at:
            self.tell(f"{noun}.{state}", outcome, closed_at, by=owner, subject=task)
        if kind == "promise" and made_at < due_at - minutes(12) and owner is not None:
            self._remind(task, due_at - minutes(10), until=closed_at)
        return task

    def _remind(self, task, at, *, until):
        """The owner's reminder: sent when it was due, cancelled when the promise was closed before."""
        now = self.demo.now
        on, time = wall_clock(at, self.facility.zone)
        row = self.ledger.add(
            Message,
            facility=self.facility,
            user=task.owner,
            channel="email",
            purpose="callback_due",
            slot_key=f"{task.pk}:1",
            local_on=on,
            local_time=time,
            zone=self.facility.zone,
            due_at=at,
            next_at=at,
            expires_at=task.due_at + dt.timedelta(hours=2),
            source_kind="task",
            source_id=task.pk,
            created_at=task.created_at,
        )
        if until and until <= at:
            row.state, row.reason = "cancelled", "closed"
        elif at <= now:
            sent(self.ledger, row, at + dt.timedelta(seconds=self.ledger.rng.randrange(1, 6)))
        elif row.expires_at <= timezone.now():  # a demo of another day: the gate would say the same
            row.state, row.reason = "suppressed", "expired"


def _setting(rng, name):
    if name == "ketamine":
        return rng.choice(["recreational", "recreational", "both", "medical", "unknown"])
    return rng.choice(["recreational", "unknown", "not_asked"]) if name != "alcohol" else "recreational"


def sent(ledger, message, at):
    """Mark a message as handed over at `at`, in one accepted try."""
    message.state, message.sent_at, message.attempt, message.provider = "sent", at, 1, "smtp"
    message.provider_ref = f"demo-{message.pk}"
    ledger.add(
        Attempt,
        message=message,
        number=1,
        idempotency_key=f"{message.pk}:1",
        lease_token=ledger.uuid(),
        began_at=at,
        ended_at=at,
        outcome="accepted",
        provider_ref=message.provider_ref,
    )
