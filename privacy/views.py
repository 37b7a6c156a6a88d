"""Consents of a person, the accounting of what was told, and who read what."""

import datetime as dt

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.permissions import Permission
from core.errors import Refused
from core.idempotency import idempotent
from people import reads as read_log
from people.models import Person, ReadEvent
from privacy import rules, services
from privacy.enums import ConsentKind, ConsentState
from privacy.forms import ConsentForm, RevokeForm
from privacy.models import Consent, Disclosure

ACCOUNTING_YEARS = 3  # 42 CFR 2.25
PAGE = 50


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def consents(request, pk):
    """The person's consents: what counts now, and what has ended."""
    person = _person(request, pk, Permission.VIEW_PEOPLE)
    now = timezone.now()
    rows = list(
        Consent.objects.visible_to(request.user, Permission.VIEW_PEOPLE).filter(person=person).for_decision()[:200]
    )
    for row in rows:
        row.standing = rules.state(row, now)
        row.until = services.until(row)
    current = [row for row in rows if row.standing == ConsentState.IN_FORCE]
    context = {
        "person": person,
        "current": current,
        "ended": [row for row in rows if row.standing != ConsentState.IN_FORCE],
        "may_record": _may_record(request, person),
    }
    read_log.record(request, [person, *_people_in(rows)])
    return render(request, "privacy/consents.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.RECORD_CONSENT, raise_exception=True)
@idempotent
def consent_new(request, pk):
    """Record a signed consent: first its kind, then each element the rule asks for."""
    person = _person(request, pk, Permission.RECORD_CONSENT)
    facility = _facility(request, person)
    is_choosing = "choose" in request.POST  # the kind says something about the person: never in an address
    kind = request.POST.get("choose") or request.POST.get("kind") or ""
    if kind not in ConsentKind.values:
        read_log.record(request, [person])
        return render(request, "privacy/consent_kind.html", {"person": person})
    relatives = _relatives(request, person)
    typed = None if is_choosing else request.POST
    form = ConsentForm(
        typed,
        person=person,
        facility=facility,
        kind=kind,
        relatives=relatives,
        current=services.in_force(person, facility=facility),
        now=timezone.now(),
    )
    if form.is_valid():
        try:
            consent = services.record_consent(person, by=request.user, **form.elements())
        except Refused as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "The consent is on file and counts from now on.")
            return redirect("privacy:consent", consent.pk)
    read_log.record(request, [person, *relatives])
    context = {"person": person, "form": form, "kind": ConsentKind(kind), "facility": facility}
    return render(request, "privacy/consent_new.html", context)


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def consent(request, pk):
    """One consent with all its elements, to read and to print."""
    row = _consent(request, pk, Permission.VIEW_PEOPLE)
    read_log.record(request, [row.person, *_people_in([row])])
    context = {
        "consent": row,
        "standing": rules.state(row, timezone.now()),
        "until": services.until(row),
        "told": row.disclosures.for_list()[:20],
        "may_revoke": _may_record(request, row.person) and not hasattr(row, "revocation"),
    }
    return render(request, "privacy/consent.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.RECORD_CONSENT, raise_exception=True)
def consent_revoke(request, pk):
    """Take a consent back, at once."""
    row = _consent(request, pk, Permission.RECORD_CONSENT)
    form = RevokeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.revoke(row, how=form.how_words, by=request.user)
        messages.success(request, "Taken back. Nothing more may be told under it.")
        return redirect("privacy:consent", row.pk)
    read_log.record(request, [row.person, *_people_in([row])])
    return render(request, "privacy/consent_revoke.html", {"consent": row, "form": form, "until": services.until(row)})


@require_GET
@permission_required(Permission.VIEW_ACCOUNTING, raise_exception=True)
def accounting(request, pk):
    """What was told about the person in the last three years (42 CFR 2.25), and who read the record."""
    person = _person(request, pk, Permission.VIEW_ACCOUNTING)
    now = timezone.now()
    told = (
        Disclosure.objects.visible_to(request.user, Permission.VIEW_ACCOUNTING)
        .filter(person=person, at__gte=now - dt.timedelta(days=366 * ACCOUNTING_YEARS))
        .for_list()
    )
    seen = ReadEvent.objects.filter(
        person_ids__contains=[person.pk], facility__in=request.user.facility_ids(Permission.VIEW_ACCOUNTING)
    )
    context = {
        "person": person,
        "told": told[:PAGE],
        "reads": seen.select_related("user").order_by("-pk")[:PAGE],
        "told_count": told.count(),
        "read_count": seen.count(),
        "page_size": PAGE,
    }
    read_log.record(request, [person])
    return render(request, "privacy/accounting.html", context)


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def disclosure(request, pk):
    """What was told, with the notice and the consent's scope that travel with it; made to be printed."""
    rows = Disclosure.objects.visible_to(request.user, Permission.VIEW_PEOPLE).for_list()
    row = get_object_or_404(rows.select_related("person", "consent"), pk=pk)
    read_log.record(request, [row.person, row.to_person])
    return render(request, "privacy/disclosure.html", {"disclosure": row})


@require_GET
@permission_required(Permission.VIEW_ACCOUNTING, raise_exception=True)
def reads(request):
    """Who opened which page with how many people on it, newest first, at facilities one answers for."""
    rows = ReadEvent.objects.filter(facility__in=request.user.facility_ids(Permission.VIEW_ACCOUNTING))
    after = request.GET.get("after", "")
    if after.isascii() and after.isdigit() and len(after) < 19:
        rows = rows.filter(pk__lt=int(after))
    shown = list(rows.select_related("user", "facility").order_by("-pk")[: PAGE + 1])
    context = {"reads": shown[:PAGE], "older": shown[PAGE - 1].pk if len(shown) > PAGE else None}
    return render(request, "privacy/reads.html", context)


# Found and allowed ------------------------------------------------------------------------------------


def _person(request, pk, permission):
    return get_object_or_404(Person.objects.visible_to(request.user, permission), pk=pk)


def _consent(request, pk, permission):
    return get_object_or_404(Consent.objects.visible_to(request.user, permission).for_decision(), pk=pk)


def _facility(request, person):
    """Where the consent is recorded: the facility in view, else one that knows the person and grants it."""
    allowed = request.user.facility_ids(Permission.RECORD_CONSENT)
    known = list(person.known_at.filter(facility__in=allowed).select_related("facility").order_by("since", "pk"))
    in_view = getattr(request.facility, "pk", None)
    found = next((row for row in known if row.facility_id == in_view), None) or next(iter(known), None)
    if found is None:
        raise Http404
    return found.facility


def _may_record(request, person):
    return request.user.has_perm(Permission.RECORD_CONSENT)


def _relatives(request, person):
    """People tied to the person whom the user may see too; at most 30."""
    visible = Person.objects.visible_to(request.user, Permission.RECORD_CONSENT)
    return list(visible.filter(related_to__person=person).distinct().order_by("given_name", "family_name", "pk")[:30])


def _people_in(rows):
    """Everybody else a consent shows: signers and recipients who are persons."""
    return [row.signer for row in rows] + [named.person for row in rows for named in row.recipients.all()]
