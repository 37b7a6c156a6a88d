"""The live call: typed while somebody speaks, saved as one transaction, stopped by an emergency."""

import re
import time as clock
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.db.models import Q
from django.http import Http404, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.permissions import Permission
from admissions import drafts, live, safety, spoken, substances
from admissions.calls import save_call
from admissions.enums import Danger, Direction, SafetyAction
from admissions.forms.calls import (
    MOST_SUBSTANCES,
    ActionForm,
    CallForm,
    SubstanceRows,
    promised_when,
)
from admissions.models import CallDraft, Inquiry
from core.errors import Refused, Stale
from core.idempotency import idempotent
from core.templatetags.hr import say_clock, say_date
from people import reads
from people.models import Person, Relation
from people.services import candidates
from privacy import services as privacy
from privacy.enums import Ladder
from programs.models import Bed
from programs.services import best_beds
from work.models import Task

CALL_SECONDS = 2 * 3600  # while somebody types, the session outlives its absolute end this long
AUTOSAVE = "X-Handrail-Autosave"
WEB_UUID = re.compile(r"[0-9a-fA-F-]{32,36}")


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_GET
def calls(request):
    """Calls I began and did not save, so that none is lost."""
    waiting = [
        {
            "draft": draft,
            "caller": drafts.values(draft).get("caller") or "Nobody named yet",
            "about": " ".join(filter(None, (drafts.values(draft).get("first"), drafts.values(draft).get("last")))),
        }
        for draft in drafts.mine(request.user)[:50]
    ]
    return render(request, "admissions/calls.html", {"waiting": waiting})


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_http_methods(["GET", "POST"])
@idempotent
def call_new(request):
    """POST begins a call: empty, or about a known person or inquiry (`person`, `inquiry`), then called by us.

    `task` is the promise it keeps, if it was begun from one.
    """
    if request.method == "GET":
        return render(request, "admissions/call_new.html")
    inquiry = _chosen(
        Inquiry.objects.visible_to(request.user, Permission.LOG_CALL).select_related(
            "facility", "person", "caller", "contact_point"
        ),
        request.POST.get("inquiry"),
    )
    person = _chosen(Person.objects.visible_to(request.user, Permission.LOG_CALL), request.POST.get("person"))
    facility = inquiry.facility if inquiry else request.facility
    if facility is None or not request.user.may(Permission.LOG_CALL, facility):
        raise Http404
    person = inquiry.person if inquiry else person
    owed = Task.objects.visible_to(request.user, Permission.LOG_CALL).open()
    draft = drafts.begin(
        request.user,
        facility=facility,
        person=person,
        inquiry=inquiry,
        task=_chosen(owed, request.POST.get("task")),
        direction=Direction.OUT if person else Direction.IN,
        fields=live.known_fields(person, inquiry),
    )
    return redirect("admissions:call", pk=draft.pk)


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_http_methods(["GET", "POST"])
def call(request, pk):
    """The live-call page; POST saves it. Saved or thrown away, it leads to what it became."""
    draft = _draft(request, pk)
    if draft.saved_as_id:
        return redirect("admissions:inquiry", pk=draft.saved_as.inquiry_id)
    if draft.discarded_at:
        return redirect("admissions:calls")
    checks = drafts.checks(draft)
    if any(check.is_e1 and not check.action for check in checks):
        return redirect("admissions:call_emergency", pk=draft.pk)
    if request.method == "GET":
        return _show_call(request, draft, checks)
    return _save(request, draft, checks)


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_POST
def call_draft(request, pk):
    """Autosave: keeps what is typed; answers what the page shows of it. 409 when another window typed since."""
    draft = _draft(request, pk)
    _keep_session(request)
    try:
        draft = drafts.remember(
            draft,
            dict(request.POST.lists()),
            writer=_writer(request),
            version=_version(request),
            part=request.POST.get("part", "call"),
        )
    except (Stale, drafts.DraftOver):
        return JsonResponse({"conflict": True}, status=409)
    return JsonResponse(live.state(draft))


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_POST
def call_danger(request, pk):
    """The danger question was answered: yes, or no way to know and fear, opens the emergency page."""
    draft = _draft(request, pk)
    if draft.saved_as_id or draft.discarded_at:
        return _led(request, draft, "admissions:call")
    _keep_session(request)
    # A stale window may lose words here, never the answer.
    try:
        with transaction.atomic():
            draft = drafts.remember(
                draft, dict(request.POST.lists()), writer=_writer(request), version=_version(request)
            )
    except Stale:
        draft.refresh_from_db()
    check = _ask(draft, request.POST, by=request.user)
    if check is not None:
        draft = drafts.asked(draft, check)
        if check.is_e1 and not check.action:
            return _led(request, draft, "admissions:call_emergency")
    return _led(request, draft, "admissions:call", stays=True)


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_http_methods(["GET", "POST"])
def call_emergency(request, pk):
    """911 now. The page stays until a named person has recorded what happened."""
    draft = _draft(request, pk)
    check = next((c for c in drafts.checks(draft) if c.is_e1 and not c.action), None)
    if check is None or draft.saved_as_id or draft.discarded_at:
        return redirect("admissions:call", pk=draft.pk)
    form = ActionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        try:
            drafts.remember(
                draft,
                dict(request.POST.lists()),
                writer=_writer(request),
                version=_version(request),
                part="emergency",
            )
        except (Stale, drafts.DraftOver):
            draft.refresh_from_db()
        if form.is_valid():
            try:
                safety.record_action(
                    check, action=form.cleaned_data["action"], note=form.cleaned_data["note"], by=request.user
                )
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                return redirect("admissions:call", pk=draft.pk)
    draft.refresh_from_db()
    typed = drafts.values(draft)
    kept = draft.content.get("fields", {})
    return render(
        request,
        "admissions/call_emergency.html",
        {
            "draft": draft,
            "check": check,
            "form": form,
            "steps": safety.STEPS,
            "ticked": kept.get("step", []),
            "where": typed.get("where", ""),
            "caller": typed.get("caller", ""),
            "called": " ".join(typed.get("caller", "").split()[:1]),
            "relation": live.relation_words(typed.get("relation")),
            "reach": typed.get("reach", ""),
            "person": " ".join(filter(None, (typed.get("first"), typed.get("last")))),
            "age": typed.get("age", ""),
            "taken": live.taken(typed),
            "words": safety.emergency_words(),
            "writer": uuid.uuid4().hex,
            "zone": draft.facility.zone,
        },
    )


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_POST
def call_candidates(request, pk):
    """Who was reached at the number typed, as far as the user may see; never merged by itself."""
    draft = _draft(request, pk)
    found = _candidates(request, draft, request.POST.get("reach", ""))
    reads.record(request, [item["person"] for item in found])
    return render(request, "admissions/_call_candidates.html", {"draft": draft, "candidates": found})


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_GET
def call_compare(request, pk):
    """What is typed beside who is known; a person decides, nothing else does."""
    draft = _draft(request, pk)
    typed = drafts.values(draft)
    found = _candidates(request, draft, typed.get("reach", ""))
    reads.record(request, [item["person"] for item in found])
    return render(
        request,
        "admissions/call_compare.html",
        {
            "draft": draft,
            "candidates": found,
            "typed": typed,
            "typed_person": " ".join(filter(None, (typed.get("first"), typed.get("last")))),
            "relation": live.relation_words(typed.get("relation")),
            "is_self": typed.get("relation") == Relation.SELF,
            "today": draft.facility.today(),
        },
    )


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_POST
def call_match(request, pk):
    """The caller, or the one who needs help, is this known person; without a person the match is taken back."""
    draft = _draft(request, pk)
    role = request.POST.get("role")
    if role not in {"caller", "person"}:
        raise Http404
    person = _chosen(Person.objects.visible_to(request.user, Permission.LOG_CALL), request.POST.get("person"))
    try:
        drafts.match(draft, person=person, role=role)
    except drafts.DraftOver as refusal:
        messages.warning(request, str(refusal))
    return redirect("admissions:call", pk=draft.pk)


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_GET
def call_beds(request, pk):
    """The best free beds for this call; shut while an emergency has no action recorded."""
    draft = _draft(request, pk)
    context = {"draft": draft, "may_hold": request.user.may(Permission.HOLD_BED, draft.facility)}
    try:
        safety.refuse_before_action(checks=drafts.checks(draft))
    except Refused as refusal:
        return render(request, "admissions/_call_beds.html", context | {"refusal": str(refusal)}, status=409)
    here = [draft.facility_id]
    elsewhere = [pk for pk in request.user.facility_ids(Permission.HOLD_BED) if pk not in here]
    person = _known(request, draft, "person")
    return render(
        request,
        "admissions/_call_beds.html",
        context | {"offers": best_beds(here + elsewhere, person=person, limit=3)},
    )


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_POST
def call_discard(request, pk):
    """Throw an unsaved call away, with a reason."""
    draft = _draft(request, pk)
    try:
        drafts.discard(draft, reason=request.POST.get("reason", ""), by=request.user)
    except Refused as refusal:
        messages.warning(request, str(refusal))
        return redirect("admissions:call", pk=draft.pk)
    messages.success(request, "Thrown away. Nothing of it was kept but your reason.")
    return redirect("admissions:calls")


# The page and its saving --------------------------------------------------------------------------------------


def _show_call(request, draft, checks, form=None, rows=None, status=200):
    now = timezone.now()
    caller, person = _known(request, draft, "caller"), _known(request, draft, "person")
    kept = draft.content.get("fields", {})
    if form is None:
        form = CallForm(
            initial=live.fields(kept),
            facility=draft.facility,
            user=request.user,
            at=now,
            caller=caller,
            person=person,
            is_out=_is_out(draft),
        )
        rows = SubstanceRows(prefix="s", initial=live.substance_rows(kept))
    level = privacy.may_say(person, caller, facility=draft.facility)
    opening = spoken.next_opening(facility=draft.facility, at=now)
    reads.record(request, [caller, person])
    return render(
        request,
        "admissions/call.html",
        {
            "draft": draft,
            "form": form,
            "rows": rows,
            "substances": substances.SUBSTANCES,
            "most_substances": MOST_SUBSTANCES,
            "check": checks[0] if checks else None,
            "ask": safety.ASK,
            "steps": safety.STEPS,
            "words": safety.emergency_words(),
            "ladder": list(Ladder),
            "level": level,
            "caller": caller,
            "person": person,
            "is_out": _is_out(draft),
            "opening": f"{say_date(opening[0], this_year=now.year)}, {say_clock(opening[1])}",
            "opening_short": f"{say_date(opening[0], this_year=now.year)[:3]} {say_clock(opening[1])}",
            "live": live.state(draft),
            "writer": uuid.uuid4().hex,
            "zone": draft.facility.zone,
            "danger": _answered(draft, checks),
        },
        status=status,
    )


def _save(request, draft, checks):
    now = timezone.now()
    caller, person = _known(request, draft, "caller"), _known(request, draft, "person")
    form = CallForm(
        request.POST,
        facility=draft.facility,
        user=request.user,
        at=now,
        caller=caller,
        person=person,
        is_out=_is_out(draft),
    )
    rows = SubstanceRows(request.POST, prefix="s")
    try:
        with transaction.atomic():
            draft = drafts.remember(
                draft, dict(request.POST.lists()), writer=_writer(request), version=_version(request)
            )
    except Refused as refusal:
        if isinstance(refusal, drafts.DraftOver):
            return redirect("admissions:call", pk=draft.pk)
        form.add_error(
            None, f"{refusal} Look at the other window first, or throw this one's words away by loading it again."
        )
        return _show_call(request, draft, checks, form, rows, status=409)
    # A page without its script answers the question with the save itself.
    is_new = not checks or checks[0].answer != request.POST.get("danger")
    if is_new and (check := _ask(draft, request.POST, by=request.user, at=now)) is not None:
        draft = drafts.asked(draft, check)
        if check.is_e1:
            return redirect("admissions:call_emergency", pk=draft.pk)
    if form.is_valid() and rows.is_valid():
        data = form.cleaned_data | {
            "substances": [row.cleaned_data for row in rows if row.is_told],
            "promised_at": promised_when(form.cleaned_data, facility=draft.facility, at=now),
        }
        try:
            with transaction.atomic():
                inquiry, _ = save_call(draft, data=data, by=request.user, at=now)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            _hold(request, inquiry)
            return redirect("admissions:inquiry", pk=inquiry.pk)
    elif not rows.is_valid():
        form.add_error(None, "Look at the substances: something there could not be read.")
    return _show_call(request, draft, checks, form, rows, status=422)


def _hold(request, inquiry):
    """ "Save and hold": the call is saved whatever becomes of the bed."""
    if not request.POST.get("hold"):
        return
    from admissions import journey

    bed = _find(
        Bed.objects.filter(unit__program__facility__in=request.user.facility_ids(Permission.HOLD_BED)),
        request.POST["hold"],
    )
    try:
        if bed is None:
            raise Refused("That bed is not yours to hold.")
        with transaction.atomic():
            journey.hold_for(inquiry, bed=bed, by=request.user, reason="Held on the call")
    except Refused as refusal:
        messages.warning(request, f"The call is saved. No bed is held: {refusal}")


def _ask(draft, posted, *, by, at=None):
    """The safety check that what was posted makes, or None while a follow-up question is unanswered."""
    answer, reachable, fear = posted.get("danger"), posted.get("reachable"), posted.get("fear")
    if answer not in Danger.values:
        return None
    if answer == Danger.CANNOT_TELL and (
        reachable not in {"yes", "no"} or (reachable == "no" and fear not in {"yes", "no"})
    ):
        return None
    former = next(iter(drafts.checks(draft)), None)
    return safety.ask(
        facility=draft.facility,
        answer=answer,
        can_be_reached={"yes": True, "no": False}.get(reachable),
        reason_for_fear={"yes": True, "no": False}.get(fear),
        by=by,
        at=at,
        former=former,
    )


def _led(request, draft, name, *, stays=False):
    """Where an answer leads: JSON for the page's own script, a redirect without one."""
    if AUTOSAVE not in request.headers:
        return redirect(name, pk=draft.pk)
    if stays:
        return JsonResponse(live.state(draft))
    return JsonResponse({"go": reverse(name, args=[draft.pk])})


def _candidates(request, draft, number):
    """Known persons of a number, each with the last inquiry they were part of and the user may see."""
    people = candidates(request.user, facility=draft.facility, number=number)
    chosen = {str(drafts.known(draft, role)) for role in ("caller", "person")}
    people = [person for person in people if str(person.pk) not in chosen]
    ids = [person.pk for person in people]
    last = {}
    rows = (
        Inquiry.objects.visible_to(request.user, Permission.VIEW_PEOPLE)
        .filter(Q(person__in=ids) | Q(caller__in=ids))
        .select_related("person", "facility")
        .order_by("opened_at")
        if ids
        else []
    )
    for row in rows:
        last[row.person_id] = row
        if row.caller_id:
            last[row.caller_id] = row
    return [{"person": person, "inquiry": last.get(person.pk)} for person in people]


def _draft(request, pk):
    """My draft, saved and thrown away ones included; anybody else's does not exist."""
    drafts_of_mine = CallDraft.objects.visible_to(request.user, Permission.LOG_CALL).filter(user=request.user)
    return get_object_or_404(drafts_of_mine.select_related("facility", "saved_as"), pk=pk)


def _answered(draft, checks):
    """The answer that stays chosen; one given by mistake is asked again."""
    if checks and checks[0].action == SafetyAction.MISTAKE:
        return ""
    return drafts.values(draft).get("danger", "")


def _is_out(draft):
    return draft.content.get("context", {}).get("direction") == Direction.OUT


def _known(request, draft, role):
    pk = drafts.known(draft, role)
    return Person.objects.visible_to(request.user, Permission.VIEW_PEOPLE).filter(pk=pk).first() if pk else None


def _chosen(rows, value):
    """The row with the id that was posted; None for none, 404 for one out of sight or no id at all."""
    if not value:
        return None
    found = _find(rows, value)
    if found is None:
        raise Http404
    return found


def _find(rows, value):
    try:
        return rows.filter(pk=uuid.UUID(value)).first() if WEB_UUID.fullmatch(value) else None
    except ValueError:
        return None


def _writer(request):
    return drafts.storable(request.POST.get("writer", ""))[:40]


def _version(request):
    value = request.POST.get("version", "")
    return int(value) if value.isdecimal() and len(value) < 9 else -1


def _keep_session(request):
    """Autosave is activity, and the absolute end never cuts an open call (`accounts.middleware.session_limits`)."""
    until = int(clock.time()) + CALL_SECONDS
    if request.session.get("call_until", 0) < until - 60:
        request.session["call_until"] = until
