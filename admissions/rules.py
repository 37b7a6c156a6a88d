"""Rules found by query: what follows from a state becomes a task or a reminder, once.

Each is a function without arguments that may run at any time, twice or by two processes at once.
"""

from django.utils import timezone

from admissions import reminders
from core.times import wall_clock
from programs.models import BedHold
from work import services as work
from work.models import Task, TaskKind

BATCH = 200
HOLD_LAPSED = "hold_lapsed"


def tell_holders_of_lapsed_holds(now=None):
    """A hold that ended by the clock, with nobody placed, becomes a task of whoever held it; returns how many."""
    now = now or timezone.now()
    told = Task.objects.filter(rule=HOLD_LAPSED).values("subject_id")
    lapsed = (
        BedHold.objects.filter(use__state__in=["firm", "lapsed"], use__expires_at__lte=now)
        .filter(use__expires_at__gt=now - reminders.POINTLESS_AFTER * 12)  # a day: older ones are history
        .exclude(pk__in=told)
        .select_related("facility", "person", "held_by", "use__bed")
        .order_by("use__expires_at")
    )
    holds = list(lapsed[:BATCH])
    for hold in holds:
        on, time = wall_clock(now, hold.facility.zone)
        is_there = hold.held_by.is_active and hold.held_by.memberships.current(now).filter(facility=hold.facility)
        work.promise(
            facility=hold.facility,
            person=hold.person,
            owner=hold.held_by if is_there else None,
            text=f"The hold on {hold.use.bed} is over. Hold again, place or let go.",
            on=on,
            time=time.replace(microsecond=0),
            by=None,
            subject=hold,
            kind=TaskKind.FOLLOW_UP,
            rule=HOLD_LAPSED,
        )
    return len(holds)


def follow_up_on_referrals():
    """Referrals that nobody has answered; the room that knows them says which."""
    from referrals import services as referrals

    return referrals.follow_up_due()


EVERY_MINUTE = [tell_holders_of_lapsed_holds, reminders.remind_all_owners, follow_up_on_referrals]
