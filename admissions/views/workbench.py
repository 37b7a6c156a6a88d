"""The workbench, and what is done in its rows. The questions are in `admissions/workbench.py`."""

import time
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponseNotModified
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.permissions import Permission, Role
from admissions import drafts, promises, workbench
from admissions.enums import Direction
from admissions.forms.promises import OutcomeForm
from admissions.models import Inquiry
from core import happenings
from core.errors import Refused
from core.idempotency import idempotent
from people import reads
from work.forms import HandOverForm, MoveForm
from work.models import Task

PASSED_SECONDS = 30 * 60
PASSED_BECAUSE = {
    "colleague": "A colleague is calling",
    "later": "They asked for later",
    "number": "The number does not work",
    "other": "Another reason",
}

HOMES = {
    Role.COORDINATOR: "admissions:workbench",
    Role.CLINICIAN: "therapy:caseload",
    Role.MANAGER: "reports:dashboard",
    Role.ADMIN: "accounts:staff",
}


@require_GET
def home(request):
    """Each role begins its day on its own page; without a facility, on one's settings."""
    here = (m for m in request.user.current_memberships() if request.facility and m.facility_id == request.facility.pk)
    membership = next(here, None)
    return redirect(HOMES[Role(membership.role)] if membership else "accounts:profile")


@require_GET
@permission_required(Permission.LOG_CALL, raise_exception=True)
def show(request):
    """Everything that waits for this user here: who is next, promises, web inquiries, holds, the night."""
    if request.facility is None:
        raise Http404
    bench = _bench(request)
    counts = workbench.counts(bench)
    work = workbench.work(bench, passed=_passed(request), counted=counts)
    waiting, more_waiting = workbench.waiting(bench)
    holds, more_holds = workbench.holds(bench)
    alerts, night = workbench.alerts(bench), workbench.night(bench)
    unsaved, arrivals = workbench.unsaved_and_arrivals(bench)
    context = {
        "bench": bench,
        "counts": counts,
        "alerts": alerts,
        "work": work,
        "waiting": waiting,
        "more_waiting": more_waiting,
        "holds": holds,
        "more_holds": more_holds,
        "night": night,
        "drafts": unsaved,
        "arrivals": arrivals,
        "passed_because": PASSED_BECAUSE.items(),
        "may_share": request.user.may(Permission.REASSIGN_WORK, request.facility),
        "etags": {
            "top": workbench.etag(bench, (counts, alerts)),
            "work": workbench.etag(bench, (work, _passed(request))),
            "side": workbench.etag(bench, (waiting, holds)),
        },
        "is_empty": not (alerts or work.next or waiting or holds or night or unsaved or arrivals or counts.promises),
    }
    people = {pk for row in [*waiting, *night] for pk in (row.person, row.caller)} | work.people
    people |= {row.person for row in [*holds, *alerts, *arrivals]}
    reads.record(request, people)
    return render(request, "admissions/workbench.html", context)


@require_GET
@permission_required(Permission.LOG_CALL, raise_exception=True)
def part(request, name):
    """One part of the workbench for its poll: 304 without rendering or a read event while its data are the same."""
    if request.facility is None or name not in PARTS:
        raise Http404
    bench = _bench(request)
    template, data, people, context = PARTS[name](request, bench)
    etag = workbench.etag(bench, data)
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    reads.record(request, people)
    response = render(request, template, {"bench": bench, "etags": {name: etag}} | context)
    response.headers["ETag"] = etag
    return response


def _top(request, bench):
    counts, alerts = workbench.counts(bench), workbench.alerts(bench)
    people = [row.person for row in alerts]
    return "admissions/workbench_top.html", (counts, alerts), people, {"counts": counts, "alerts": alerts}


def _work(request, bench):
    work = workbench.work(bench, passed=_passed(request))
    context = {
        "work": work,
        "counts": work.counts,
        "passed_because": PASSED_BECAUSE.items(),
        "may_share": request.user.may(Permission.REASSIGN_WORK, request.facility),
    }
    return "admissions/workbench_work.html", (work, _passed(request)), work.people, context


def _side(request, bench):
    (waiting, more_waiting), (holds, more_holds) = workbench.waiting(bench), workbench.holds(bench)
    people = {pk for row in waiting for pk in (row.person, row.caller)} | {row.person for row in holds}
    context = {"waiting": waiting, "more_waiting": more_waiting, "holds": holds, "more_holds": more_holds}
    return "admissions/workbench_side.html", (waiting, holds), people, context


PARTS = {"top": _top, "work": _work, "side": _side}


def _bench(request):
    view = request.GET.get("view")
    if view not in ("mine", "team"):
        view = "team" if request.user.may(Permission.REASSIGN_WORK, request.facility) else "mine"
    return workbench.Bench.of(request.user, request.facility, is_mine=view == "mine")


def _passed(request):
    """Keys of rows this user passed over in the last half hour."""
    passed = request.session.get("passed", {})
    return tuple(sorted(key for key, until in passed.items() if until > time.time()))


@require_POST
@permission_required(Permission.LOG_CALL, raise_exception=True)
def pass_over(request):
    """ "Someone else": the next caller goes to the end of the list for half an hour, for this user only."""
    key, because = request.POST.get("key", "")[:36], request.POST.get("because", "")
    if because in PASSED_BECAUSE and request.facility is not None:
        row = _row_of(request, key)
        if row is not None:
            passed = {old: until for old, until in request.session.get("passed", {}).items() if until > time.time()}
            request.session["passed"] = dict(list(passed.items())[-49:]) | {key: int(time.time()) + PASSED_SECONDS}
            happenings.record(
                "next.passed_over",
                f"Passed over as next caller: {PASSED_BECAUSE[because].lower()}",
                by=request.user,
                place=row.facility,
                subject=row,
                because=because,
            )
    return redirect(_back(request))


def _row_of(request, key):
    """The visible task or inquiry behind the key of a row, or None; a key that is no UUID is nobody's."""
    try:
        pk = uuid.UUID(key)
    except ValueError:
        return None
    visible = (model.objects.visible_to(request.user, Permission.LOG_CALL) for model in (Task, Inquiry))
    return next((row for rows in visible if (row := rows.filter(pk=pk).first())), None)


@require_POST
@permission_required(Permission.LOG_CALL, raise_exception=True)
@idempotent
def take(request, pk):
    """Own a web inquiry and begin the call."""
    inquiry = get_object_or_404(Inquiry.objects.visible_to(request.user, Permission.LOG_CALL), pk=pk)
    try:
        taken = promises.take(inquiry, by=request.user)
    except Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect("admissions:workbench")
    draft = drafts.begin(
        request.user, facility=taken.facility, person=taken.person, inquiry=taken, direction=Direction.OUT
    )
    return redirect("admissions:call", draft.pk)


# Rows: outcome, another time, another owner --------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@permission_required(Permission.LOG_CALL, raise_exception=True)
@idempotent
def promise_outcome(request, pk):
    """Say how a promise ended and what follows; it never leaves without both."""
    task = _task(request, pk)
    form = OutcomeForm(request.POST or None, facility=task.facility, initial={"text": task.text})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            promises.report(task, outcome=data["outcome"], words=data["words"], by=request.user, following=form.next)
        except Refused as refusal:
            form.add_error(_field_of(refusal), str(refusal))
        else:
            return redirect(_back(request, task))
    return _answer(request, task, form, "outcome")


@require_http_methods(["GET", "POST"])
@permission_required(Permission.LOG_CALL, raise_exception=True)
@idempotent
def promise_move(request, pk):
    """Another time for a promise, and why; a late one is broken by it and made anew."""
    task = _task(request, pk)
    form = MoveForm(request.POST or None, facility=task.facility)
    if request.method == "POST" and form.is_valid():
        try:
            promises.move(task, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(_field_of(refusal), str(refusal))
        else:
            return redirect(_back(request, task))
    return _answer(request, task, form, "move")


@require_http_methods(["GET", "POST"])
@permission_required(Permission.LOG_CALL, raise_exception=True)
def promise_hand_over(request, pk):
    """Give a promise to a colleague: one's own, or anybody's for whom shares out work."""
    task = _task(request, pk)
    form = HandOverForm(request.POST or None, task=task)
    if request.method == "POST" and form.is_valid():
        try:
            if not promises.may_hand_over(task, request.user):
                raise Refused(f"This is {task.owner}’s. A supervisor can hand it on.", code="not_yours")
            promises.hand_over(task, to=form.cleaned_data["to"], by=request.user)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(_back(request, task))
    return _answer(request, task, form, "hand_over")


def _task(request, pk):
    rows = Task.objects.visible_to(request.user, Permission.LOG_CALL)
    return get_object_or_404(rows.select_related("facility", "person", "owner", "contact_point"), pk=pk)


def _field_of(refusal):
    return {"promise_in_the_past": "time", "no_such_day": "on"}.get(refusal.code)


def _answer(request, task, form, verb):
    context = {
        "task": task,
        "form": form,
        "verb": verb,
        "back": _back(request, task),
        "back_code": _back_code(request),
    }
    reads.record(request, [task.person_id])
    template = "admissions/promise_dialog.html" if request.htmx else "admissions/promise_form.html"
    return render(request, template, context, status=422 if form.errors else 200)


def _back_code(request):
    code = request.POST.get("back") or request.GET.get("back") or "bench"
    return code if code in ("bench", "team", "person", "inquiry", "promises") else "bench"


def _back(request, task=None):
    """Where one came from, named by a code: never an address out of the request."""
    code = _back_code(request)
    if code == "promises":
        return reverse("work:promises")
    if code == "person" and task is not None and task.person_id:
        return reverse("admissions:person", args=[task.person_id])
    if code == "inquiry" and task is not None and task.subject_kind == "inquiry":
        return reverse("admissions:inquiry", args=[task.subject_id])
    return reverse("admissions:workbench") + ("?view=team" if code == "team" else "")
