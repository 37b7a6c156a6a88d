"""What each figure counts: one named queryset and one sentence. The figure is the length of its list.

Why these and not others: docs/decisions/0006.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import DurationField, ExpressionWrapper, F, OuterRef, QuerySet, Subquery, Value

from admissions.enums import Channel, ClosedBecause, Stage
from admissions.models import Inquiry
from programs.enums import UseKind
from programs.models import Bed, BedUse, Stay
from work.models import Task, TaskState

TIMED = (Channel.WEB, Channel.REFERRAL)  # who has to be called by us; a caller is reached when he calls


@dataclass(frozen=True)
class Figure:
    """One number. `rows(period)` are what it counts, `counted` says so; `of` names the figure it is a part of."""

    key: str
    title: str
    counted: str
    rows: Callable[..., QuerySet]
    kind: str = "inquiry"
    of: str = ""

    @property
    def is_now(self):
        """Whether it is about this minute, whatever the period."""
        return self.kind == "bed" or self.key == "promises_late" or self.key.endswith("_today")


def inquiries(period):
    return Inquiry.objects.filter(period.within("opened_at"), is_suspect=False).exclude(
        closed_because__in=[ClosedBecause.SPAM, ClosedBecause.DUPLICATE]
    )


def reached(period):
    return inquiries(period).filter(first_reached_at__isnull=False)


def admitted(period):
    return inquiries(period).filter(stage=Stage.ADMITTED)


def timed(period):
    return inquiries(period).filter(channel__in=TIMED)


def answered(period):
    return timed(period).filter(first_reached_at__isnull=False)


def within_goal(period):
    return timed(period).filter(
        first_reached_at__lte=F("opened_at") + _minutes("facility__first_contact_goal_minutes")
    )


def arrivals(period):
    return Stay.objects.filter(period.within("admitted_at"))


def departures(period):
    return Stay.objects.filter(period.within("discharged_at"))


def arrivals_today(period):
    return Stay.objects.filter(period.today("admitted_at"))


def departures_today(period):
    return Stay.objects.filter(period.today("discharged_at"))


def promises_kept(period):
    return Task.objects.promises().filter(period.within("closed_at"), state=TaskState.KEPT)


def promises_broken(period):
    return Task.objects.promises().filter(period.within("closed_at"), state=TaskState.BROKEN)


def promises_late(period):
    return (
        Task.objects.promises()
        .open()
        .filter(period.here(), due_at__lt=Value(period.now) - _minutes("facility__promise_grace_minutes"))
    )


def beds(period):
    """Every bed and seat in use, with `taken_by_kind`: what takes it now (a `UseKind`), or None."""
    taking = BedUse.objects.taking_now().filter(bed=OuterRef("pk"))
    return (
        Bed.objects.in_use()
        .filter(unit__program__facility__in=[facility.pk for facility in period.facilities])
        .annotate(taken_by_kind=Subquery(taking.values("kind")[:1]))
    )


def beds_taken(period):
    return beds(period).filter(taken_by_kind=UseKind.PLACEMENT)


def beds_held(period):
    return beds(period).filter(taken_by_kind=UseKind.HOLD)


def beds_out(period):
    return beds(period).filter(taken_by_kind__in=[UseKind.BLOCK, UseKind.CLEANING])


def beds_free(period):
    return beds(period).filter(taken_by_kind=None)


def _minutes(field):
    return ExpressionWrapper(F(field) * Value(dt.timedelta(minutes=1)), output_field=DurationField())


_COHORT = "opened in the period, without those marked as not an inquiry, as the same as another, or as maybe spam"
_TIMED = "that came by web form or referral"

FIGURES = {
    figure.key: figure
    for figure in [
        Figure("inquiries", "Inquiries", f"Inquiries {_COHORT}.", inquiries),
        Figure(
            "reached",
            "Reached",
            f"Of the inquiries {_COHORT}: those where somebody was spoken to, "
            "then or later. Incoming calls count as reached.",
            reached,
            of="inquiries",
        ),
        Figure(
            "admitted",
            "Admitted",
            f"Of the inquiries {_COHORT}: those that became a stay, then or later.",
            admitted,
            of="inquiries",
        ),
        Figure("timed", "By form or referral", f"Inquiries {_TIMED}, {_COHORT}.", timed, of="inquiries"),
        Figure(
            "answered",
            "First contact",
            f"Of the inquiries {_TIMED}: those reached. The time is from the opening to the first "
            "conversation; the median has as many above as below. Incoming calls are left out: they take no time.",
            answered,
            of="timed",
        ),
        Figure(
            "within_goal",
            "Within the goal",
            f"Of all inquiries {_TIMED}: those reached within the facility's goal. "
            "Not reached yet counts as not within.",
            within_goal,
            of="timed",
        ),
        Figure("arrivals", "Arrivals", "Stays that began in the period.", arrivals, "stay"),
        Figure(
            "departures", "Departures", "Stays that ended in the period, by discharge of any kind.", departures, "stay"
        ),
        Figure("arrivals_today", "Arrivals today", "Stays that began today.", arrivals_today, "stay"),
        Figure("departures_today", "Departures today", "Stays that ended today.", departures_today, "stay"),
        Figure(
            "promises_kept",
            "Promises kept",
            "Promised calls closed in the period, in time or within the facility's grace.",
            promises_kept,
            "task",
        ),
        Figure(
            "promises_broken",
            "Promises broken",
            "Promised calls closed in the period that came later than the grace, or never.",
            promises_broken,
            "task",
        ),
        Figure(
            "promises_late",
            "Promises late",
            "Promised calls still open and due longer ago than the facility's grace.",
            promises_late,
            "task",
        ),
        Figure(
            "beds_taken",
            "Beds and seats taken",
            "Beds and seats in use where somebody is placed now.",
            beds_taken,
            "bed",
        ),
        Figure(
            "beds_held",
            "Beds and seats held",
            "Beds and seats in use with a hold that has not ended.",
            beds_held,
            "bed",
        ),
        Figure("beds_out", "Beds out of use", "Beds and seats blocked or being cleaned now.", beds_out, "bed"),
        Figure("beds_free", "Beds and seats free", "Beds and seats in use that nothing takes now.", beds_free, "bed"),
    ]
}
