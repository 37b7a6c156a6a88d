"""What the workbench shows: who is owed a call, who is next, and why. Questions only, nothing is written.

**Who is next** (`next_caller`), in this order and nothing else:

1. late promises before everything that is not late; among them first those whose person's bed hold ends
   within three hours, then the longest late;
2. web inquiries nobody has tried to answer, oldest first;
3. promises of the next two hours, soonest first.

Whoever this user passed over in the last half hour comes after all others. The sentence beside the name
says which of these facts decided.

Everything a part shows is plain values in frozen rows, so that a part's ETag is the hash of its data and
an unchanged poll renders nothing and reads nobody's record.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, DateTimeField, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject
from django.utils import timezone

from accounts.models import Facility
from accounts.permissions import Permission
from admissions.enums import CallOutcome, Danger, Direction, SafetyAction
from admissions.models import CallDraft, Inquiry, IntakeCall, SafetyCheck, SubstanceUse
from admissions.words import sentence, tries, who_about
from core.templatetags.hr import say_clock, say_daytime, say_phone
from core.times import instant
from people.models import ContactKind
from programs.enums import AppointmentKind, AppointmentState
from programs.models import Appointment, BedHold
from work.models import Task, TaskKind

SOON = dt.timedelta(hours=2)
HOLD_PRESSES = dt.timedelta(hours=3)
LATE_ROWS, SOON_ROWS, SIDE_ROWS, NIGHT_ROWS = 40, 20, 12, 8
NIGHT_BEGINS, NIGHT_HOURS = dt.time(20), 12


@dataclass(frozen=True)
class Bench:
    """Whose work at which facility at which instant; every question below starts from it."""

    user: object
    facility: Facility
    is_mine: bool
    now: dt.datetime

    @classmethod
    def of(cls, user, facility, *, is_mine, now=None):
        return cls(user, facility, is_mine, now or timezone.now())

    @property
    def goal_seconds(self):
        """Until when a first call is on time, for the clock beside a web inquiry."""
        return self.facility.first_contact_goal_minutes * 60

    @property
    def day_ends_at(self):
        """The facility's next midnight."""
        tomorrow = self.facility.today(self.now) + dt.timedelta(days=1)
        return instant(tomorrow, dt.time(0), self.facility.zone)

    @property
    def night(self):
        """[start, end) of the newest night, 8 pm to 8 am on the facility's wall clock."""
        today = self.facility.today(self.now)
        starts_at = instant(today, NIGHT_BEGINS, self.facility.zone)
        if starts_at > self.now:
            starts_at = instant(today - dt.timedelta(days=1), NIGHT_BEGINS, self.facility.zone)
        return starts_at, starts_at + dt.timedelta(hours=NIGHT_HOURS)

    def rows(self, model):
        """Rows of `model` that the user may see at this facility."""
        return model.objects.visible_to(self.user, Permission.VIEW_PEOPLE).filter(facility=self.facility)

    def tasks(self):
        """Open tasks in view: the team's, or mine and those nobody owns yet."""
        rows = self.rows(Task).open()
        return rows.filter(Q(owner=self.user) | Q(owner=None)) if self.is_mine else rows

    def waiting(self):
        return self.rows(Inquiry).awaiting_first_contact()

    def holds(self):
        """Open holds that end before the facility's midnight, soonest first."""
        return self.rows(BedHold).open(self.now).filter(use__expires_at__lt=self.day_ends_at)

    def night_calls(self):
        return self.rows(IntakeCall).filter(direction=Direction.IN, began_at__range=self.night)

    def clock(self, at):
        """ "9:00 am", with the day when it is not today, on the facility's wall."""
        return say_daytime(at.astimezone(self.facility.time_zone), self.facility.today(self.now))


def etag(bench, part):
    """An ETag of what a part shows: its data, the day it is read on, and for whom."""
    seen = repr((bench.user.pk, bench.facility.pk, bench.is_mine, bench.facility.today(bench.now), part))
    return f'"{hashlib.sha256(seen.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


# Chips and alerts ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """How much is waiting; one number a chip."""

    late: int
    soon: int
    later: int
    waiting: int
    ending: int
    night: int
    oldest: UUID | None = None

    @property
    def promises(self):
        return self.late + self.soon + self.later


def counts(bench):
    """All chips in one query."""
    tasks = bench.tasks()
    soon_ends_at = bench.now + SOON
    return Counts(
        **Facility.objects.filter(pk=bench.facility.pk)
        .values(
            late=_count(tasks.filter(due_at__lte=bench.now)),
            soon=_count(tasks.filter(due_at__gt=bench.now, due_at__lte=soon_ends_at)),
            later=_count(tasks.filter(due_at__gt=soon_ends_at, due_at__lt=bench.day_ends_at)),
            waiting=_count(bench.waiting()),
            ending=_count(bench.holds()),
            night=_count(bench.night_calls()),
            oldest=Subquery(bench.waiting().values("pk")[:1]),
        )
        .get()
    )


def _count(rows):
    one = rows.order_by().annotate(one=Value(1)).values("one")
    return Coalesce(Subquery(one.annotate(n=Count("*")).values("n")), 0)


@dataclass(frozen=True)
class Alert:
    """An emergency that nobody has closed yet."""

    pk: UUID
    asked_at: dt.datetime
    name: str
    person: UUID | None
    inquiry: UUID | None
    call: UUID | None
    done: str


def alerts(bench):
    """Open emergencies at the facility, newest first."""
    rows = bench.rows(SafetyCheck).filter(is_e1=True, closed_at=None).select_related("inquiry__person", "action_by")
    return [
        Alert(
            check.pk,
            check.asked_at,
            check.inquiry.person.name if check.inquiry else "",
            check.inquiry.person_id if check.inquiry else None,
            check.inquiry_id,
            check.call_id,
            check.get_action_display() if check.action else "",
        )
        for check in rows.order_by("-asked_at")[:SIDE_ROWS]
    ]


# Promises and the next caller ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One promise, or one web inquiry, as a line to work on."""

    key: str
    task: UUID | None
    version: int
    inquiry: UUID | None
    person: UUID | None
    caller: UUID | None
    who: str
    about: str
    text: str
    kind: str
    due_at: dt.datetime
    is_late: bool
    is_web: bool
    stage: str
    tries: str
    number: str
    may_call: bool
    owner: str
    held_until: dt.datetime | None
    held_bed: str
    called_at_night: bool = False
    why: str = field(default="", repr=False)

    @property
    def people(self):
        return [self.person, self.caller]

    @property
    def is_tried(self):
        return self.tries not in ("", tries(0, 0))


@dataclass(frozen=True)
class Work:
    """The next caller and the promises under it."""

    next: Row | None
    late: list
    soon: list
    counts: Counts

    @property
    def people(self):
        return {pk for row in (self.next, *self.late, *self.soon) if row for pk in row.people if pk}


def work(bench, *, passed=(), counted=None):
    """Late promises in the order of next caller, those of the next two hours, and who is next.

    `passed` are keys of rows this user passed over. Three queries, or two with `counted`.
    """
    counted = counted or counts(bench)
    tasks = list(_pressing(bench))
    inquiries = _inquiries(
        bench, {task.subject_id for task in tasks if task.subject_kind == "inquiry"}, counted.oldest
    )
    rows = [_promise_row(bench, task, inquiries.get(task.subject_id)) for task in tasks]
    late, soon = [row for row in rows if row.is_late], [row for row in rows if not row.is_late]
    web = [_web_row(bench, inquiries[counted.oldest])] if counted.oldest in inquiries else []
    return Work(next_caller(bench, [*late, *web, *soon], passed), late, soon, counted)


def next_caller(bench, rows, passed=()):
    """The first of `rows` (in the order at the top of this file) that was not passed over, with its reason."""
    ordered = sorted(rows, key=lambda row: row.key in passed)
    if not ordered:
        return None
    first = ordered[0]
    return replace(first, why=_why(bench, first, is_only=len(rows) == 1))


def _why(bench, row, *, is_only):
    facts = []
    if row.is_web:
        facts.append(f"a web inquiry has waited since {bench.clock(row.due_at)} and nobody has called yet")
    elif row.is_late:
        facts.append(f"the promise for {bench.clock(row.due_at)} is late")
    elif is_only:
        facts.append(f"nothing else is open; promised for {bench.clock(row.due_at)}")
    else:
        facts.append(f"nobody is late or new, and this promise is the soonest, at {bench.clock(row.due_at)}")
    if row.called_at_night:
        facts.append("the call came in the night")
    if row.held_until:
        facts.append(f"bed {row.held_bed} is held only until {bench.clock(row.held_until)}")
    return f"First because {sentence(facts)}."


def _pressing(bench):
    """Tasks late now and of the next two hours, each bounded, in one query."""
    holds = (
        BedHold.objects.open(bench.now)
        .filter(person=OuterRef("person"), facility=OuterRef("facility"))
        .order_by("use__expires_at")
    )
    tasks = bench.tasks().annotate(
        held_until=Subquery(holds.values("use__expires_at")[:1]),
        held_bed=Subquery(holds.values("use__bed__code")[:1]),
    )
    pressed = (
        BedHold.objects.open(bench.now)
        .filter(use__expires_at__lt=bench.now + HOLD_PRESSES, facility=bench.facility)
        .values("person")
    )
    late = bench.tasks().filter(due_at__lte=bench.now).annotate(is_pressed=Q(person__in=pressed))
    soon = bench.tasks().filter(due_at__gt=bench.now, due_at__lte=bench.now + SOON)
    wanted = (
        late.order_by("-is_pressed", "due_at", "pk")
        .values("pk")[:LATE_ROWS]
        .union(soon.order_by("due_at", "pk").values("pk")[:SOON_ROWS], all=True)
    )
    return (
        tasks.filter(pk__in=wanted)
        .annotate(is_pressed=Q(due_at__lte=bench.now, person__in=pressed))
        .select_related("person", "owner", "contact_point")
        .order_by("-is_pressed", "due_at", "pk")
    )


def _inquiries(bench, ids, oldest):
    """{id: inquiry} for `ids` and the `oldest` waiting web inquiry (an id or None)."""
    called = IntakeCall.objects.filter(inquiry=OuterRef("pk"), direction=Direction.OUT)
    rows = (
        bench.rows(Inquiry)
        .filter(pk__in=ids | {oldest} - {None})
        .select_related("person", "caller", "contact_point")
        .annotate(
            tried=_count(called),
            talked=_count(called.filter(outcome=CallOutcome.REACHED)),
            called_at_night=Exists(bench.night_calls().filter(inquiry=OuterRef("pk"))),
        )
    )
    return {row.pk: row for row in rows}


def _promise_row(bench, task, inquiry):
    who, about = who_about(inquiry) if inquiry else (task.person.name if task.person else "Nobody named", "")
    point = task.contact_point or (inquiry.contact_point if inquiry else None)
    return Row(
        key=str(task.pk),
        task=task.pk,
        version=task.source_version,
        inquiry=inquiry.pk if inquiry else None,
        person=task.person_id,
        caller=inquiry.caller_id if inquiry else None,
        who=who,
        about=about,
        text=task.text,
        kind="" if task.kind == TaskKind.PROMISE else task.get_kind_display(),
        due_at=task.due_at,
        is_late=task.due_at <= bench.now,
        is_web=False,
        stage="held" if task.held_until else (inquiry.stage if inquiry else ""),
        tries=tries(inquiry.tried, inquiry.talked) if inquiry else "",
        owner="" if bench.is_mine and task.owner_id else str(task.owner or "Nobody yet"),
        held_until=task.held_until,
        held_bed=task.held_bed or "",
        called_at_night=bool(inquiry and inquiry.called_at_night),
        **_reach(point),
    )


def _web_row(bench, inquiry):
    who, about = who_about(inquiry)
    return Row(
        key=str(inquiry.pk),
        task=None,
        version=inquiry.version,
        inquiry=inquiry.pk,
        person=inquiry.person_id,
        caller=inquiry.caller_id,
        who=who,
        about=about,
        text=inquiry.words[:200],
        kind="Web inquiry",
        due_at=inquiry.opened_at,
        is_late=False,
        is_web=True,
        stage=inquiry.stage,
        tries="",
        owner="",
        held_until=None,
        held_bed="",
        **_reach(inquiry.contact_point),
    )


def _reach(point):
    """`number` as it is read aloud and `may_call`, from a contact point or None."""
    if point is None or point.kind != ContactKind.PHONE or point.wrong_since:
        return {"number": "", "may_call": True}
    return {"number": say_phone(point.normal), "may_call": point.ok_to_call is not False}


# Web inquiries and holds ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """A web inquiry without a first call; its clock runs from `opened_at`."""

    pk: UUID
    person: UUID
    caller: UUID | None
    opened_at: dt.datetime
    who: str
    about: str
    wish: str
    words: str
    owner: str
    is_mine: bool
    is_suspect: bool


@dataclass(frozen=True)
class Holding:
    """A bed held for somebody until today."""

    pk: UUID
    person: UUID
    bed: str
    who: str
    reason: str
    held_at: dt.datetime
    expires_at: dt.datetime


def waiting(bench):
    """Web inquiries nobody has tried to answer, oldest first: rows and whether there are more."""
    rows = bench.waiting().select_related("person", "caller", "contact_point", "owner")[: SIDE_ROWS + 1]
    found = [_waiting_row(bench, inquiry) for inquiry in rows]
    return found[:SIDE_ROWS], len(found) > SIDE_ROWS


def _waiting_row(bench, inquiry):
    who, about = who_about(inquiry)
    point = inquiry.contact_point
    wish = ""
    if point is not None:
        wish = "Email only." if point.kind == ContactKind.EMAIL else "No calls." if point.ok_to_call is False else ""
    return Waiting(
        pk=inquiry.pk,
        person=inquiry.person_id,
        caller=inquiry.caller_id,
        opened_at=inquiry.opened_at,
        who=who,
        about=about,
        wish=wish,
        words=inquiry.words[:120],
        owner=str(inquiry.owner) if inquiry.owner else "",
        is_mine=inquiry.owner_id == bench.user.pk,
        is_suspect=inquiry.is_suspect,
    )


def holds(bench):
    """Holds that end today, soonest first: rows and whether there are more."""
    rows = bench.holds().select_related("person", "use__bed").order_by("use__expires_at", "pk")[: SIDE_ROWS + 1]
    found = [
        Holding(
            hold.pk,
            hold.person_id,
            hold.use.bed.code,
            hold.person.short_name,
            hold.reason,
            hold.held_at,
            hold.use.expires_at,
        )
        for hold in rows
    ]
    return found[:SIDE_ROWS], len(found) > SIDE_ROWS


# The night, drafts and arrivals: read once with the page ---------------------------------------------------


@dataclass(frozen=True)
class Brief:
    """One call of the night in five lines, always these five."""

    pk: UUID
    inquiry: UUID | None
    person: UUID | None
    caller: UUID | None
    who: str
    began_at: dt.datetime
    minutes: int | None
    about: str
    safety: str
    using: str
    held: str
    promised: str
    is_open_danger: bool


def night(bench):
    """Incoming calls of the newest night, oldest first: at most eight, each in five lines, in one query."""
    of_inquiry = {"inquiry": OuterRef("inquiry")}
    checks = (
        SafetyCheck.objects.filter(**of_inquiry)
        .order_by("-asked_at")
        .values(said=JSONObject(answer="answer", at="asked_at", action="action", is_closed=Q(closed_at__isnull=False)))
    )
    using = (
        SubstanceUse.objects.filter(**of_inquiry)
        .order_by("rank")
        .values(told=JSONObject(name="name", amount="amount", last="last_use"))
    )
    beds = (
        BedHold.objects.open(bench.now)
        .filter(person=OuterRef("inquiry__person"), facility=bench.facility)
        .order_by("use__expires_at")
    )
    promised = Task.objects.open().filter(subject_id=OuterRef("inquiry")).order_by("due_at")
    rows = (
        bench.night_calls()
        .select_related("inquiry__person", "inquiry__caller", "caller")
        .annotate(
            check=Subquery(checks[:1]),
            using=ArraySubquery(using[:3]),
            held_bed=Subquery(beds.values("use__bed__code")[:1]),
            held_until=Subquery(beds.values("use__expires_at")[:1], output_field=DateTimeField()),
            promised_at=Subquery(promised.values("due_at")[:1]),
            promised_text=Subquery(promised.values("text")[:1]),
        )
        .order_by("began_at", "pk")
    )
    return [_brief(bench, call) for call in rows[:NIGHT_ROWS]]


def _brief(bench, call):
    inquiry = call.inquiry
    who, about = who_about(inquiry) if inquiry else (call.caller.name if call.caller else "No name", "")
    safety, is_open = _safety(bench, call.check)
    return Brief(
        pk=call.pk,
        inquiry=call.inquiry_id,
        person=inquiry.person_id if inquiry else None,
        caller=call.caller_id,
        who=who,
        began_at=call.began_at,
        minutes=round((call.ended_at - call.began_at).total_seconds() / 60) if call.ended_at else None,
        about=_about(bench, inquiry, about),
        safety=safety,
        is_open_danger=is_open,
        using=", ".join(" ".join(filter(None, (use["name"], use["amount"]))) for use in call.using) or "Not told",
        held=f"{call.held_bed} until {bench.clock(call.held_until)}" if call.held_bed else "No bed",
        promised=f"{bench.clock(call.promised_at)}: {call.promised_text}" if call.promised_at else "Nothing",
    )


def _about(bench, inquiry, about):
    if inquiry is None:
        return "Not known"
    person = inquiry.person
    age = person.age(bench.facility.today(bench.now))
    words = [person.name if inquiry.caller_id not in (None, person.pk) else about or person.name]
    if age is not None:
        words.append(str(age) if person.birth_on else f"about {age}")
    return ", ".join(words)


def _safety(bench, check):
    """(words, whether a danger is still open) from the newest safety check of the inquiry."""
    if check is None:
        return "Not asked", False
    at = say_clock(_at(check["at"]).astimezone(bench.facility.time_zone))
    if check["answer"] == Danger.NONE:
        return f"Asked, no danger at {at}", False
    done = dict(SafetyAction.choices).get(check["action"], "nothing recorded yet")
    said = "Danger" if check["answer"] == Danger.YES else "Could not tell"
    return f"{said} at {at}: {done[:1].lower() + done[1:]}", not check["is_closed"]


@dataclass(frozen=True)
class Unsaved:
    """A call this user has begun and not saved."""

    pk: UUID
    began_at: dt.datetime
    touched_at: dt.datetime


@dataclass(frozen=True)
class Arrival:
    """Somebody who is expected to arrive today."""

    pk: UUID
    person: UUID
    name: str
    starts_at: dt.datetime
    place: str


def unsaved_and_arrivals(bench):
    """(unsaved calls of this user, newest first; arrivals of today, by the hour), in one query."""
    drafts = CallDraft.objects.visible_to(bench.user, Permission.LOG_CALL).filter(
        user=bench.user, saved_as=None, discarded_at=None
    )
    drafts = drafts.order_by("-touched_at").values(
        told=JSONObject(pk="pk", began_at="began_at", touched_at="touched_at")
    )
    visits = bench.rows(Appointment).filter(
        kind=AppointmentKind.ADMISSION,
        state=AppointmentState.BOOKED,
        starts_at__gte=instant(bench.facility.today(bench.now), dt.time(0), bench.facility.zone),
        starts_at__lt=bench.day_ends_at,
    )
    visits = visits.order_by("starts_at", "pk").values(
        told=JSONObject(
            pk="pk",
            person="person_id",
            given="person__given_name",
            family="person__family_name",
            starts_at="starts_at",
            place="place",
        )
    )
    found = (
        Facility.objects.filter(pk=bench.facility.pk)
        .values(drafts=ArraySubquery(drafts[:SIDE_ROWS]), visits=ArraySubquery(visits[:SIDE_ROWS]))
        .get()
    )
    unsaved = [Unsaved(UUID(one["pk"]), _at(one["began_at"]), _at(one["touched_at"])) for one in found["drafts"]]
    arrivals = [
        Arrival(
            UUID(one["pk"]),
            UUID(one["person"]),
            f"{one['given']} {one['family']}".strip() or "No name yet",
            _at(one["starts_at"]),
            one["place"],
        )
        for one in found["visits"]
    ]
    return unsaved, arrivals


def _at(text):
    return dt.datetime.fromisoformat(text)
