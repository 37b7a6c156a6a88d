"""What the pages of one inquiry and of one person read: a fixed number of queries, however much happened."""

import functools
from typing import NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Count, DateField, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce, JSONObject
from django.template.defaultfilters import linebreaksbr
from django.utils import timezone

from accounts.permissions import Permission
from admissions.enums import CallOutcome, Direction
from admissions.models import (
    AdmissionDecision,
    Inquiry,
    IntakeCall,
    SafetyCheck,
    StageChange,
    SubstanceUse,
    WebSubmission,
)
from admissions.words import full_name
from core.templatetags.hr import icon, say_clock, say_date
from people.models import ContactPoint, Person, PersonAtFacility, Relationship
from privacy.models import Consent
from programs.models import BedHold, Placement
from programs.querysets import GLANCE
from referrals.models import Referral
from therapy.models import AssignmentState, TherapyAssignment
from work.models import Task, TaskState

CALLS, TASKS = 50, 20
# The columns that the record prints; a model of all of them costs more than its rows.
_STAFF = ("first_name", "last_name", "username")
_INQUIRY = (
    "version", "facility", "person", "channel", "stage", "stage_since", "owner", "caller", "relation", "contact_point",
    "source", "words", "opened_at", "first_attempt_at", "first_reached_at", "closed_because", "closed_note",
    "is_suspect", "caller__given_name", "caller__family_name", "contact_point__kind", "contact_point__value",
    "contact_point__normal", "contact_point__label", "contact_point__ok_to_call", "contact_point__ok_to_voicemail",
    *(f"person__{name}" for name in ("given_name", "family_name", "birth_on", "age_about", "age_told_on", "pronouns",
                                     "language", "needs_interpreter")),
    *(f"owner__{name}" for name in _STAFF),
)  # fmt: skip


def _only(rows, *columns, **related):
    """`rows` with `columns` and, joined, those of `related` (name=columns)."""
    joined = [f"{name}__{column}" for name, of_it in related.items() for column in of_it]
    return rows.select_related(*related).only(*columns, *joined)


def inquiries(user):
    """Inquiries in sight with everything the header reads, for one query."""
    return _inquiries().visible_to(user, Permission.VIEW_PEOPLE)


@functools.cache
def _inquiries():
    """The same for nobody yet. Nothing in it belongs to a request, so it is put together once, which takes 2 ms.

    What few of them have is asked for beside the row: each more table in the join is planned with all others.
    """
    here = {"person": OuterRef("person"), "facility": OuterRef("facility")}
    held = BedHold.objects.open(GLANCE).filter(**here).order_by("use__expires_at")
    held = held.values(told=JSONObject(bed="use__bed__code", until="use__expires_at"))
    placed = Placement.objects.current().filter(**here)
    placed = placed.values(told=JSONObject(bed="use__bed__code", unit="use__bed__unit__name", program="program__name"))
    sender = Referral.objects.filter(pk=OuterRef("referral")).values("partner__organization__name")
    return (
        Inquiry.objects.select_related("person", "caller", "contact_point", "owner")
        .only(*_INQUIRY)
        .annotate(
            bed_held=Subquery(held[:1]),
            bed_taken=Subquery(placed[:1]),
            consents=consents_in_force(),
            sent_by=Subquery(sender),
            submitted=Subquery(WebSubmission.objects.filter(inquiry=OuterRef("pk")).values("fields")),
        )
    )


def people(user, *, now=None):
    """Persons in sight with the four facts of the page's head and where they are known, for one query.

    Every fact is of facilities in sight: what another one knows takes no part.
    """
    now = now or timezone.now()
    places = user.facility_ids(Permission.VIEW_PEOPLE)
    mine = {"person": OuterRef("pk"), "facility__in": places}
    newest = (
        Inquiry.objects.filter(**mine)
        .order_by("-opened_at", "-id")
        .values(told=JSONObject(pk="id", stage="stage", since="stage_since", facility="facility_id"))
    )
    held = BedHold.objects.open(now).filter(**mine).order_by("use__expires_at")
    held = held.values(told=JSONObject(bed="use__bed__code", until="use__expires_at"))
    placed = Placement.objects.current().filter(**mine)
    placed = placed.values(
        told=JSONObject(
            pk="id",
            stay="stay_id",
            bed="use__bed__code",
            unit="use__bed__unit__name",
            program="program__name",
            since="stay__admitted_at",
            ends="planned_end_on",
        )
    )
    active = TherapyAssignment.objects.filter(**mine, state=AssignmentState.ACTIVE).order_by("starts_on")
    therapies = active.values(
        told=JSONObject(
            modality="modality__name",
            first="therapist__first_name",
            last="therapist__last_name",
            per_week="per_week",
            planned="planned_sessions",
            since="starts_on",
        )
    )
    return Person.objects.visible_to(user, Permission.VIEW_PEOPLE).annotate(
        known=ArraySubquery(PersonAtFacility.objects.filter(**mine).values("facility_id")),
        newest=Subquery(newest[:1]),
        bed_held=Subquery(held[:1]),
        bed_taken=Subquery(placed[:1]),
        therapies=ArraySubquery(therapies[:10]),
        kept=_count(Task.objects.filter(**mine, state=TaskState.KEPT)),
        broken=_count(Task.objects.filter(**mine, state=TaskState.BROKEN)),
    )


def around(user, person):
    """Relationships of `person` both ways, only with people in sight; `phone` is the other one's number."""
    places = user.facility_ids(Permission.VIEW_PEOPLE)
    seen = PersonAtFacility.objects.filter(facility__in=places)
    phone = ContactPoint.objects.filter(person=OuterRef("other"), kind="phone", wrong_since=None)
    return list(
        Relationship.objects.filter(Q(person=person) | Q(other=person))
        .filter(Exists(seen.filter(person=OuterRef("other"))), Exists(seen.filter(person=OuterRef("person"))))
        .select_related("person", "other")
        .annotate(phone=Subquery(phone.order_by("-is_preferred", "created_at").values("normal")[:1]))
        .order_by("pk")[:20]
    )


def referrals(user, person):
    """Referrals of `person` both ways, newest first."""
    rows = Referral.objects.visible_to(user, Permission.VIEW_PEOPLE).filter(person=person)
    return list(rows.select_related("partner__organization").order_by("-made_at")[:10])


def consents(user, person):
    """Signed consents of `person`, newest first, with whether each is revoked or replaced."""
    rows = Consent.objects.visible_to(user, Permission.VIEW_PEOPLE).filter(
        person=person, facility__in=user.facility_ids(Permission.VIEW_PEOPLE)
    )
    return list(rows.select_related("revocation", "superseded_by").order_by("-signed_at")[:20])


def consents_in_force():
    """How many consents of the row's person at its facility are in force now: signed, not revoked, not over."""
    rows = Consent.objects.filter(person=OuterRef("person"), facility=OuterRef("facility"))
    rows = rows.filter(revocation=None, superseded_by=None, signed_at__lte=GLANCE)
    return _count(rows.filter(Q(expires_on=None) | Q(expires_on__gte=Cast(GLANCE, DateField()))))


def _count(rows):
    one = rows.order_by().annotate(one=Value(1)).values("one")
    return Coalesce(Subquery(one.annotate(n=Count("*")).values("n")), 0)


class Call(NamedTuple):
    """One call as printed; the template unpacks it, which is five times faster than asking an object."""

    clock: str
    day: str
    icon: str
    words: str
    who: str
    notes: str
    by: str


def parts(inquiry, *, zone, today):
    """What hangs on the inquiry: calls, safety checks, decisions, tasks; one query each, bounded.

    Calls come as `Call` in words of `zone` on the day `today`, and `callers` are the ids of whom they name. Open
    tasks stand first, so that the next step is never left out.
    """
    calls = _calls(inquiry)
    checks = SafetyCheck.objects.filter(inquiry=inquiry)
    decisions = AdmissionDecision.objects.filter(inquiry=inquiry)
    tasks = Task.objects.filter(subject_id=inquiry.pk, facility=inquiry.facility_id)
    is_over = Case(When(state=TaskState.OPEN, then=0), default=1)
    due_first = Case(When(state=TaskState.OPEN, then="due_at"))
    tasks = _only(tasks, "text", "due_at", "state", "kind", "outcome", "closed_at", owner=_STAFF)
    shown = list(tasks.order_by(is_over, due_first, "-due_at")[:TASKS])
    checks = _only(checks, "asked_at", "is_e1", "closed_at", "answer", "action", "action_note", asked_by=_STAFF)
    decisions = _only(decisions, "outcome", "reason", "decided_at", program=["name"], decided_by=_STAFF)
    moves = StageChange.objects.filter(inquiry=inquiry).order_by("-at", "-pk")
    return {
        "calls": [_call(row, zone, today) for row in calls[:CALLS]],
        "callers": {row.caller_id for row in calls[:CALLS]},
        "more_calls": len(calls) > CALLS,
        "checks": list(checks[:CALLS]),
        "decisions": list(decisions[:CALLS]),
        "open_tasks": [task for task in shown if task.state == TaskState.OPEN],
        "closed_tasks": [task for task in shown if task.state != TaskState.OPEN],
        "substances": list(SubstanceUse.objects.filter(inquiry=inquiry)),
        "moves": list(_only(moves, "at", "from_stage", "to_stage", by=_STAFF)[:20]),
    }


def _calls(inquiry):
    """Plain rows of the newest calls and one more."""
    rows = IntakeCall.objects.filter(inquiry=inquiry).values_list(
        "began_at", "direction", "outcome", "notes", "caller_id", "caller__given_name", "caller__family_name",
        "by__first_name", "by__last_name", "by__username", named=True,
    )  # fmt: skip
    return list(rows[: CALLS + 1])


_ICONS = {Direction.IN: icon("telephone-inbound"), Direction.OUT: icon("telephone-outbound")}
_DIRECTIONS = dict(Direction.choices)
_OUTCOMES = {code: label.lower() for code, label in CallOutcome.choices}


def _call(row, zone, today):
    began_at = row.began_at.astimezone(zone)
    return Call(
        clock=say_clock(began_at),
        day=say_date(began_at.date(), this_year=today.year),
        icon=_ICONS[row.direction],
        words=f"{_DIRECTIONS[row.direction]}, {_OUTCOMES[row.outcome]}",
        who=full_name(row.caller__given_name, row.caller__family_name) if row.caller_id else "",
        notes=linebreaksbr(row.notes) if row.notes else "",
        by=f"{row.by__first_name or ''} {row.by__last_name or ''}".strip() or row.by__username or "",
    )
