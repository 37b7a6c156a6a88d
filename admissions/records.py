"""What the pages of one inquiry and of one person read: a fixed number of queries, however much happened."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject
from django.utils import timezone

from accounts.permissions import Permission
from admissions.models import AdmissionDecision, Inquiry, IntakeCall, SafetyCheck, StageChange, SubstanceUse
from people.models import ContactPoint, Person, PersonAtFacility, Relationship
from privacy.models import Consent
from programs.models import BedHold, Placement
from referrals.models import Referral
from therapy.models import AssignmentState, TherapyAssignment
from work.models import Task, TaskState

CALLS, TASKS = 50, 20


def inquiries(user, *, now=None):
    """Inquiries in sight with everything the header reads, for one query."""
    now = now or timezone.now()
    here = {"person": OuterRef("person"), "facility": OuterRef("facility")}
    held = BedHold.objects.open(now).filter(**here).order_by("use__expires_at")
    held = held.values(told=JSONObject(bed="use__bed__code", until="use__expires_at"))
    placed = Placement.objects.current().filter(**here)
    placed = placed.values(told=JSONObject(bed="use__bed__code", unit="use__bed__unit__name", program="program__name"))
    promised = Task.objects.open().filter(subject_id=OuterRef("pk")).order_by("due_at")
    promised = promised.values(
        told=JSONObject(text="text", at="due_at", first="owner__first_name", last="owner__last_name")
    )
    return (
        Inquiry.objects.visible_to(user, Permission.VIEW_PEOPLE)
        .select_related(
            "facility", "person", "caller", "contact_point", "owner", "submission", "referral__partner__organization"
        )
        .annotate(
            bed_held=Subquery(held[:1]),
            bed_taken=Subquery(placed[:1]),
            next_task=Subquery(promised[:1]),
            consents=consents_in_force(now),
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


def consents_in_force(now):
    """How many consents of the row's person at its facility are in force now: signed, not revoked, not over."""
    rows = Consent.objects.filter(person=OuterRef("person"), facility=OuterRef("facility"))
    rows = rows.filter(revocation=None, superseded_by=None, signed_at__lte=now)
    return _count(rows.filter(Q(expires_on=None) | Q(expires_on__gte=now.date())))


def _count(rows):
    one = rows.order_by().annotate(one=Value(1)).values("one")
    return Coalesce(Subquery(one.annotate(n=Count("*")).values("n")), 0)


def parts(inquiry):
    """What hangs on the inquiry: calls, safety checks, decisions, tasks; one query each, bounded.

    Substances and moves of stage come as plain dicts inside the first.
    """
    calls = IntakeCall.objects.filter(inquiry=inquiry).select_related("caller", "by")
    checks = SafetyCheck.objects.filter(inquiry=inquiry).select_related("asked_by", "action_by", "closed_by")
    decisions = AdmissionDecision.objects.filter(inquiry=inquiry).select_related("program", "decided_by")
    tasks = Task.objects.filter(subject_id=inquiry.pk, facility=inquiry.facility_id).select_related("owner")
    newest_calls, newest_tasks = list(calls[: CALLS + 1]), list(tasks.order_by("-due_at")[: TASKS + 1])
    return {
        "calls": newest_calls[:CALLS],
        "more_calls": len(newest_calls) > CALLS,
        "checks": list(checks[:CALLS]),
        "decisions": list(decisions[:CALLS]),
        "open_tasks": [task for task in reversed(newest_tasks) if task.state == TaskState.OPEN],
        "closed_tasks": [task for task in newest_tasks if task.state != TaskState.OPEN],
        "substances": list(SubstanceUse.objects.filter(inquiry=inquiry)),
        "moves": list(StageChange.objects.filter(inquiry=inquiry).select_related("by").order_by("-at", "-pk")[:20]),
    }
