"""The page of one person: four facts, one timeline, and what is known around them."""

import datetime as dt

from django.contrib.auth.decorators import permission_required
from django.db import IntegrityError, transaction
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_http_methods

from accounts.permissions import Permission
from admissions import promises, records, timeline
from admissions.enums import OPEN_STAGES
from admissions.forms.people import ContactPointForm, PersonForm, RelationForm, fingerprint
from core import happenings
from core.errors import Refused
from core.idempotency import idempotent
from people import reads
from people import services as people
from people.models import ContactPoint, Person
from people.search import search
from work.forms import PromiseForm


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def show(request, pk):
    """Everything in sight about one person; `show` filters the timeline, `before` goes back in it."""
    now = timezone.now()
    person = get_object_or_404(records.people(request.user, now=now), pk=pk)
    facility = _facility(request, person)
    only = request.GET.get("show", "")
    only = only if only in timeline.FILTERS else ""
    before = _instant(request.GET.get("before", ""))
    line = timeline.of(person, person.known, zone=facility.time_zone, only=only, before=before, now=now)
    around = records.around(request.user, person)
    today = facility.today(now)
    context = {
        "person": person,
        "facility": facility,
        "zone": facility.time_zone,
        "age": person.age(today),
        "is_minor": person.is_minor(today),
        "newest": _newest(person),
        "bed_held_until": parse_datetime(person.bed_held["until"]) if person.bed_held else None,
        "day": _day_of_stay(person, facility, today),
        "line": line,
        "only": only,
        "filters": timeline.FILTERS.items(),
        "before": before,
        "points": list(ContactPoint.objects.filter(person=person)[:20]),
        "around": around,
        "referrals": records.referrals(request.user, person),
        "consents": [_consent(consent, today) for consent in records.consents(request.user, person)],
        "actions": _actions(request.user, person, facility),
    }
    context["in_force"] = sum(1 for consent in context["consents"] if consent["is_in_force"])
    shown = [person, *line.people, *(row.other_id for row in around), *(row.person_id for row in around)]
    reads.record(request, shown)
    return render(request, "admissions/person.html", context)


def _facility(request, person):
    """The facility whose clock and work this page is in: the one in view if it knows the person."""
    known = {m.facility_id: m.facility for m in request.user.current_memberships() if m.facility_id in person.known}
    if request.facility and request.facility.pk in known:
        return request.facility
    if not known:
        raise Http404
    return next(iter(known.values()))


def _instant(text):
    """An aware instant out of the address, or None."""
    try:
        at = parse_datetime(text[:40].replace(" ", "+"))
    except ValueError:
        return None
    return at if at is not None and timezone.is_aware(at) else None


def _newest(person):
    told = person.newest
    return told and told | {"since": parse_datetime(told["since"]), "is_open": told["stage"] in OPEN_STAGES}


def _day_of_stay(person, facility, today):
    """Which day in care this is: the day of arrival is day 1."""
    if not person.bed_taken:
        return None
    admitted_on = dt.datetime.fromisoformat(person.bed_taken["since"]).astimezone(facility.time_zone).date()
    return (today - admitted_on).days + 1


def _consent(consent, today):
    """A consent as the side card says it."""
    is_revoked, is_replaced = hasattr(consent, "revocation"), hasattr(consent, "superseded_by")
    is_over = consent.expires_on is not None and consent.expires_on < today
    state = "revoked" if is_revoked else "expired" if is_over or is_replaced else "in_force"
    return {"row": consent, "state": state, "is_in_force": state == "in_force"}


def _actions(user, person, facility):
    """What this user may do next for the person; only addresses that exist."""
    placed = person.bed_taken or {}
    offered = [
        (Permission.PLACE, "Step down", "signpost-split", "admissions:step_down", placed.get("stay"), "d"),
        (Permission.PLACE, "Discharge", "box-arrow-right", "admissions:discharge", placed.get("stay"), ""),
        (Permission.ASSIGN_THERAPY, "Assign therapy", "person-check", "therapy:assign", placed.get("pk"), ""),
        (Permission.EDIT_PEOPLE, "Appointment", "calendar-plus", "programs:appointment_new", person.pk, "a"),
        (Permission.RECORD_CONSENT, "Consent", "file-earmark-plus", "privacy:consent_new", person.pk, ""),
        (Permission.EDIT_PEOPLE, "Change", "pencil", "admissions:person_edit", person.pk, "e"),
    ]
    return [
        {"label": label, "icon": icon, "url": url, "key": key}
        for permission, label, icon, name, pk, key in offered
        if pk and user.may(permission, facility) and (url := _url(name, pk))
    ]


def _url(name, pk):
    try:
        return reverse(name, args=[pk])
    except NoReverseMatch:
        return ""


# Changes ----------------------------------------------------------------------------------------------------


def _person(request, pk, permission):
    person = get_object_or_404(Person.objects.visible_to(request.user, permission), pk=pk)
    person.known = request.user.facility_ids(permission)
    return person


def _work_place(request, person, permission):
    """The facility in view if it knows the person, else the first in sight that does."""
    may = set(request.user.facility_ids(permission))
    known = person.known_at.filter(facility__in=may).select_related("facility").order_by("facility__name")
    facilities = [row.facility for row in known]
    return next((one for one in facilities if request.facility and one.pk == request.facility.pk), facilities[0])


def _page(request, person, form, *, title, button, shown=(), **more):
    context = {"person": person, "form": form, "title": title, "button": button} | more
    reads.record(request, [person, *shown])
    return render(request, "admissions/person_form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
def edit(request, pk):
    """Change who somebody is; an edit of an older state overwrites nothing and shows both."""
    person = _person(request, pk, Permission.EDIT_PEOPLE)
    place = _work_place(request, person, Permission.EDIT_PEOPLE)
    form = PersonForm(request.POST or None, instance=person, today=place.today())
    if request.method == "POST" and form.is_valid() and form.save_current():
        changed = [name for name in form.changed_data if name != "version"]
        if changed:
            happenings.record(
                "person.changed", "Facts about the person changed", by=request.user, about=person, place=place,
                subject=person, fields=changed,
            )  # fmt: skip
        return redirect("admissions:person", person.pk)
    return _page(request, person, form, title="Change", button="Save")


@require_http_methods(["GET", "POST"])
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
@idempotent
def contact_new(request, pk):
    """Another way to reach somebody."""
    person = _person(request, pk, Permission.EDIT_PEOPLE)
    form = ContactPointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            with transaction.atomic():
                point = people.add_contact_point(
                    person, kind=data["kind"], value=data["value"], by=request.user, **form.answers()
                )
                happenings.record(
                    "contact.added", f"{point.get_kind_display()} added", by=request.user, about=person,
                    place=_work_place(request, person, Permission.EDIT_PEOPLE), subject=point,
                )  # fmt: skip
        except Refused as refusal:
            form.add_error("value", str(refusal))
        else:
            return redirect("admissions:person", person.pk)
    return _page(request, person, form, title="How to reach them", button="Add")


@require_http_methods(["GET", "POST"])
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
def contact_edit(request, pk, point):
    """Change a way to reach somebody, or say that it is wrong; never overwrites a newer answer."""
    person = _person(request, pk, Permission.EDIT_PEOPLE)
    found = get_object_or_404(ContactPoint.objects.filter(person=person), pk=point)
    form = ContactPointForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid() and _save_point(request, person, found, form):
        return redirect("admissions:person", person.pk)
    return _page(request, person, form, title="How to reach them", button="Save")


def _save_point(request, person, found, form):
    """Write the answers under a lock if the row still says what the editor saw; True when written."""
    data = form.cleaned_data
    try:
        with transaction.atomic():
            now = ContactPoint.objects.select_for_update(no_key=True).get(pk=found.pk)
            if fingerprint(now) != data["seen"]:
                form.theirs = _differences(now, form)
                form.data = form.data.copy()
                form.data["seen"] = fingerprint(now)
                form.add_error(None, "Somebody else changed this while you had it open. Nothing was overwritten.")
                return False
            now.kind, now.value = data["kind"], people.tidy(data["value"], 254)
            now.normal = people.normal_value(now.kind, now.value)
            for name, value in form.answers().items():
                setattr(now, name, value)
            now.save()
            happenings.record(
                "contact.changed", f"{now.get_kind_display()} changed", by=request.user, about=person,
                place=_work_place(request, person, Permission.EDIT_PEOPLE), subject=now,
            )  # fmt: skip
    except IntegrityError as error:
        if "people_contactpoint_once" not in str(error):
            raise
        form.add_error("value", "They can be reached there already: change that one.")
        return False
    return True


def _differences(now, form):
    """What the row says now where it differs from what was typed, as (label, words)."""
    words = {None: "not asked", True: "yes", False: "no", "": "nothing"}
    return [
        (form.fields[name].label, words.get(getattr(now, name), getattr(now, name)))
        for name in form._meta.fields
        if getattr(now, name) != form.cleaned_data.get(name)
    ]


@require_http_methods(["GET", "POST"])
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
@idempotent
def relation_new(request, pk):
    """Somebody around the person: found among those in sight, or new."""
    person = _person(request, pk, Permission.EDIT_PEOPLE)
    place = _work_place(request, person, Permission.EDIT_PEOPLE)
    looked_for = request.POST.get("q", "")[:80]
    hits = [hit for hit in search(request.user, looked_for, today=place.today()) if hit.person.pk != person.pk]
    is_search = "find" in request.POST
    form = RelationForm(None if is_search else request.POST or None, user=request.user, person=person)
    if request.method == "POST" and not is_search and form.is_valid():
        data = form.cleaned_data
        try:
            with transaction.atomic():
                other = data["other"] or _somebody_new(data, place=place, by=request.user)
                people.relate(
                    person, other=other, relation=data["relation"], by=request.user,
                    may_sign=data["may_sign"], is_emergency_contact=data["is_emergency_contact"],
                )  # fmt: skip
                happenings.record(
                    "relation.added", "Somebody around the person added", by=request.user, about=person, place=place,
                    subject=other,
                )  # fmt: skip
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("admissions:person", person.pk)
    return _page(
        request, person, form, title="Around the person", button="Add",
        shown=[hit.person for hit in hits], template="relation", hits=hits, looked_for=looked_for,
    )  # fmt: skip


def _somebody_new(data, *, place, by):
    other = people.create_person(facility=place, by=by, given_name=data["given_name"], family_name=data["family_name"])
    if data["phone"]:
        people.add_contact_point(other, kind="phone", value=data["phone"], by=by)
    return other


@require_http_methods(["GET", "POST"])
@permission_required(Permission.LOG_CALL, raise_exception=True)
@idempotent
def promise(request, pk):
    """Promise something to the person; the one who promises keeps it. It joins the open inquiry, if there is one."""
    person = _person(request, pk, Permission.LOG_CALL)
    place = _work_place(request, person, Permission.LOG_CALL)
    form = PromiseForm(request.POST or None, facility=place, initial={"text": "Call back"})
    if request.method == "POST" and form.is_valid():
        following = promises.Next(**form.cleaned_data)
        try:
            promises.promise_to(person, facility=place, following=following, owner=request.user, by=request.user)
        except Refused as refusal:
            form.add_error({"promise_in_the_past": "time", "no_such_day": "on"}.get(refusal.code), str(refusal))
        else:
            return redirect("admissions:person", person.pk)
    return _page(request, person, form, title="Promise", button="Promise")
