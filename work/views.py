"""All promises of a facility: who owes what to whom by when, and which were kept."""

import uuid

from django.contrib.auth.decorators import permission_required
from django.db.models import Q
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from accounts.permissions import Permission
from people import reads
from work import subjects
from work.forms import names_of_colleagues
from work.models import Task, TaskKind, TaskState

PAGE = 50
COUNTED_UP_TO = 1000
STATES = {"open": "Open", "late": "Late", "kept": "Kept", "broken": "Broken", "ended": "Done or cancelled"}


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def promises(request):
    """Fifty tasks of the facility in view: open ones by their time, ended ones newest first; filters are codes."""
    state = request.GET.get("state", "open")
    state = state if state in STATES else "open"
    whose = request.GET.get("whose", "all")
    whose = whose if whose in ("mine", "nobody") or (whose.isascii() and whose.isdigit()) else "all"
    now = timezone.now()
    rows = _filtered(_visible(request), state, whose, request.user, now)
    number = rows.order_by().values("pk")[: COUNTED_UP_TO + 1].count()
    page = _page(rows, state, request.GET.get("after", ""))
    shown, more = page[:PAGE], len(page) > PAGE
    found = subjects.resolve(shown)
    context = {
        "rows": [{"task": task, "subject": found.get(task.pk), "is_late": task.due_at <= now} for task in shown],
        "older": _key(shown[-1], state) if more else "",
        "is_first": not request.GET.get("after"),
        "words": f"{COUNTED_UP_TO:,}+" if number > COUNTED_UP_TO else f"{number:,}",
        "state": state,
        "states": STATES.items(),
        "whose": whose,
        "staff": names_of_colleagues(request.facility) if request.facility else [],
        "may_act": request.facility is not None and request.user.may(Permission.LOG_CALL, request.facility),
        "may_share": request.facility is not None and request.user.may(Permission.REASSIGN_WORK, request.facility),
        "zone": request.facility.time_zone if request.facility else None,
    }
    reads.record(request, [task.person_id for task in shown])
    return render(request, "work/promises.html", context)


def _visible(request):
    rows = Task.objects.visible_to(request.user, Permission.VIEW_PEOPLE)
    return rows.filter(facility=request.facility) if request.facility else rows.none()


def _filtered(rows, state, whose, user, now):
    if whose == "mine":
        rows = rows.filter(owner=user)
    elif whose == "nobody":
        rows = rows.filter(owner=None)
    elif whose != "all":
        rows = rows.filter(owner=min(int(whose[:10]), 2**31))
    if state == "open":
        return rows.open()
    if state == "late":
        return rows.open().filter(due_at__lte=now)
    if state == "ended":
        return rows.filter(state__in=[TaskState.DONE, TaskState.CANCELLED])
    # The index of ended work begins with facility and kind.
    return rows.filter(kind=TaskKind.PROMISE, state=state)


def _page(rows, state, after):
    """One row more than a page, after the cursor `after` (of a former page; a broken one is the first page)."""
    cursor = _cursor(after)
    if state in ("open", "late"):
        if cursor:
            rows = rows.filter(Q(due_at__gt=cursor[0]) | Q(due_at=cursor[0], pk__gt=cursor[1]))
        rows = rows.order_by("due_at", "pk")
    else:
        if cursor:
            rows = rows.filter(Q(closed_at__lt=cursor[0]) | Q(closed_at=cursor[0], pk__lt=cursor[1]))
        rows = rows.order_by("-closed_at", "-pk")
    return list(rows.select_related("person", "owner", "closed_by")[: PAGE + 1])


def _key(task, state):
    at = task.due_at if state in ("open", "late") else task.closed_at
    return f"{at.isoformat()}_{task.pk.hex}"


def _cursor(text):
    at, _, pk = text[:80].replace(" ", "+").partition("_")
    try:
        at, pk = parse_datetime(at), uuid.UUID(pk)
    except ValueError:
        return None
    return (at, pk) if at is not None and timezone.is_aware(at) else None
