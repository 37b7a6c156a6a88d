"""The inquiry list, the record of one inquiry, and what is done on it without another room."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.permissions import Permission
from admissions import lists, records, services
from admissions.enums import OPEN_STAGES, Channel, Source, Stage
from admissions.forms.inquiries import CloseForm, InquiryForm
from admissions.models import Inquiry
from admissions.words import who_about
from core import happenings
from core.errors import Refused
from core.idempotency import idempotent
from people import reads
from work.forms import PromiseForm, names_of_colleagues


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def index(request):
    """Fifty inquiries, newest first, filtered by codes; `after` and `before` are keys of a row."""
    filters = lists.Filters.of(request.GET)
    mine = [m.facility for m in request.user.current_memberships() if Permission.VIEW_PEOPLE in m.granted()]
    here = [facility for facility in mine if request.facility and facility.pk == request.facility.pk]
    facilities = list({f.pk: f for f in mine}.values()) if filters.where == "all" else here[:1]
    page = lists.page(
        request.user, facilities, filters, after=request.GET.get("after", ""), before=request.GET.get("before", "")
    )
    context = {
        "page": page,
        "filters": filters,
        "stages": Stage.choices,
        "channels": Channel.choices,
        "sources": Source.choices,
        "staff": names_of_colleagues(request.facility) if request.facility else [],
        "may_see_all": len({f.pk for f in mine}) > 1,
        "has_places": len(facilities) > 1,
    }
    reads.record(request, page.people)
    return render(request, "admissions/inquiries.html", context)


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def show(request, pk):
    """Everything about one inquiry: words, substances, calls, danger asked, decisions, promises."""
    inquiry = get_object_or_404(records.inquiries(request.user), pk=pk)
    facility = next(m.facility for m in request.user.current_memberships() if m.facility_id == inquiry.facility_id)
    zone, today = facility.time_zone, facility.today()
    who, about = who_about(inquiry)
    parts = records.parts(inquiry, zone=zone, today=today)
    context = {
        "inquiry": inquiry,
        "zone": zone,
        "who": who,
        "about": about,
        "age": inquiry.person.age(today),
        "is_open": inquiry.stage in OPEN_STAGES,
        "next_task": next(iter(parts["open_tasks"]), None),
        "held_until": parse_datetime(inquiry.bed_held["until"]) if inquiry.bed_held else None,
        "actions": _actions(request.user, inquiry),
        "submitted": _submitted(inquiry),
    } | parts
    reads.record(request, [inquiry.person_id, inquiry.caller_id, *parts["callers"]])
    return render(request, "admissions/inquiry.html", context)


def _actions(user, inquiry):
    """What this user may do next on this inquiry, first the one the stage asks for; only addresses that exist."""
    is_open, stage = inquiry.stage in OPEN_STAGES, inquiry.stage
    may_hold, may_promise = is_open and not inquiry.bed_held, is_open or stage == Stage.ADMITTED
    offered = [
        (Permission.ADMIT, "Admit", "house-check", "admissions:admit", stage == Stage.SCHEDULED, "m"),
        (Permission.DECIDE, "Decide", "clipboard-check", "admissions:decide", is_open, "d"),
        (Permission.HOLD_BED, "Hold a bed", "bookmark-check", "admissions:hold", may_hold, "h"),
        (Permission.LOG_CALL, "Promise", "alarm", "admissions:inquiry_promise", may_promise, "p"),
        (Permission.REFER, "Refer out", "arrow-left-right", "admissions:refer_out", is_open, ""),
        (Permission.EDIT_PEOPLE, "Change", "pencil", "admissions:inquiry_edit", True, "e"),
        (Permission.LOG_CALL, "Close", "slash-circle", "admissions:inquiry_close", is_open, ""),
    ]
    asked_for = {Stage.SCHEDULED: "Admit", Stage.DECISION: "Decide"}.get(stage)
    return [
        {"label": label, "icon": icon, "url": url, "key": key, "is_next": label == asked_for}
        for permission, label, icon, name, is_asked, key in offered
        if is_asked and user.may(permission, inquiry.facility_id) and (url := _url(name, inquiry.pk))
    ]


def _url(name, pk):
    """The address of another room's page, or "" while that room has none."""
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return ""


def _submitted(inquiry):
    """The posted fields of a web inquiry, as (name, words), in the order they came; never the machinery's."""
    if not isinstance(inquiry.submitted, dict):
        return []
    fields = inquiry.submitted.items()
    return [
        (str(name)[:60].replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value))
        for name, value in fields
        if value not in ("", [], None) and not str(name).startswith(("csrf", "idempotency"))
    ]


def _inquiry(request, pk, permission):
    rows = Inquiry.objects.visible_to(request.user, permission)
    return get_object_or_404(rows.select_related("facility", "person", "caller", "contact_point", "owner"), pk=pk)


def _form_page(request, inquiry, form, *, title, button, note="", status=200):
    context = {"inquiry": inquiry, "form": form, "title": title, "button": button, "note": note}
    reads.record(request, [inquiry.person_id, inquiry.caller_id])
    return render(request, "admissions/inquiry_form.html", context, status=422 if form.errors else status)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
def edit(request, pk):
    """Change the facts of an inquiry; an edit of an older state overwrites nothing and shows both."""
    inquiry = _inquiry(request, pk, Permission.EDIT_PEOPLE)
    form = InquiryForm(request.POST or None, instance=inquiry)
    if request.method == "POST" and form.is_valid() and form.save_current():
        if form.changed_data:
            happenings.record(
                "inquiry.changed",
                "Inquiry changed",
                by=request.user,
                about=inquiry.person,
                place=inquiry.facility,
                subject=inquiry,
                fields=[name for name in form.changed_data if name != "version"],
            )
        return redirect(inquiry)
    return _form_page(request, inquiry, form, title="Change the inquiry", button="Save")


@require_http_methods(["GET", "POST"])
@permission_required(Permission.LOG_CALL, raise_exception=True)
@idempotent
def promise(request, pk):
    """Promise a call about this inquiry; the one who promises keeps it."""
    inquiry = _inquiry(request, pk, Permission.LOG_CALL)
    form = PromiseForm(request.POST or None, facility=inquiry.facility, initial={"text": "Call back"})
    if request.method == "POST" and form.is_valid():
        try:
            services.promise_call(inquiry, owner=request.user, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error({"promise_in_the_past": "time", "no_such_day": "on"}.get(refusal.code), str(refusal))
        else:
            return redirect(inquiry)
    return _form_page(request, inquiry, form, title="Promise a call", button="Promise")


@require_http_methods(["GET", "POST"])
@permission_required(Permission.LOG_CALL, raise_exception=True)
def close(request, pk):
    """Close an inquiry with a reason; its promises stay until each has an outcome."""
    inquiry = _inquiry(request, pk, Permission.LOG_CALL)
    form = CloseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.close_inquiry(inquiry, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect(inquiry)
    note = "Promises on it stay open: each ends with an outcome of its own."
    return _form_page(request, inquiry, form, title="Close the inquiry", button="Close it", note=note)


@require_POST
@permission_required(Permission.LOG_CALL, raise_exception=True)
def reopen(request, pk):
    """A closed inquiry is new again."""
    inquiry = _inquiry(request, pk, Permission.LOG_CALL)
    try:
        services.reopen_inquiry(inquiry, by=request.user)
    except Refused as refusal:
        messages.warning(request, str(refusal))
    return redirect(inquiry)
