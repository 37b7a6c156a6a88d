"""Referrals both ways, their answers, and the partners behind them."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Membership, User
from accounts.permissions import Permission
from core.errors import Refused
from core.idempotency import idempotent
from people import reads
from privacy import services as privacy
from referrals import services
from referrals.enums import NEXT_STATES, ReferralState
from referrals.forms import ContactForm, MoveForm, PartnerForm
from referrals.models import Partner, Referral
from referrals.querysets import Tally

PAGE = 50
LISTS = {
    "waiting": ("Waiting to hear", lambda rows: rows.sent().waiting()),
    "in": ("Sent to us", lambda rows: rows.incoming()),
    "out": ("Sent by us", lambda rows: rows.outgoing()),
}


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def referrals(request):
    """Referrals at the facility in view: waiting to hear, sent to us, sent by us; newest first."""
    which = request.GET.get("which", "")
    which = which if which in LISTS else "waiting"
    rows = Referral.objects.visible_to(request.user, Permission.VIEW_PEOPLE).filter(facility=request.facility)
    rows = LISTS[which][1](rows)
    if start := _row(rows, request.GET.get("after", "")):
        rows = rows.after(start)
    shown = list(rows.for_list()[: PAGE + 1])
    context = {
        "referrals": shown[:PAGE],
        "which": which,
        "lists": [(key, label) for key, (label, _) in LISTS.items()],
        "older": shown[PAGE - 1].pk if len(shown) > PAGE else None,
        "is_first": start is None,
        "today": request.facility.today() if request.facility else None,
    }
    reads.record(request, [row.person for row in shown[:PAGE]])
    return render(request, "referrals/list.html", context)


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def referral(request, pk):
    """One referral with its moves and what may follow."""
    row = _referral(request, pk, Permission.VIEW_PEOPLE)
    return _show(request, row, MoveForm(states=_following(row), version=row.version))


@require_POST
@permission_required(Permission.REFER, raise_exception=True)
def move(request, pk):
    """Write down the next answer or the outcome."""
    row = _referral(request, pk, Permission.REFER)
    form = MoveForm(request.POST, states=_following(row), version=row.version)
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.move(row, given["to"], reason=given["reason"], version=given["version"], by=request.user)
        except Refused as refusal:
            form.add_error("reason" if refusal.code == "reason_missing" else None, str(refusal))
        else:
            return redirect("referrals:referral", row.pk)
    return _show(request, row, form)


@require_POST
@permission_required(Permission.REFER, raise_exception=True)
def send(request, pk):
    """Send a draft, under consent."""
    row = _referral(request, pk, Permission.REFER)
    try:
        services.send(row, by=request.user)
    except Refused as refusal:
        messages.warning(request, str(refusal))
    return redirect("referrals:referral", row.pk)


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def partners(request):
    """Partners by name, with what they take and the referrals each way at the facilities one sees."""
    words = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:80]
    rows = Partner.objects.active()
    if words:
        rows = rows.filter(organization__name__icontains=words)
    if start := _row(rows.select_related("organization"), request.GET.get("after", "")):
        rows = rows.behind(start)
    shown = list(rows.for_list()[: PAGE + 1])
    page = shown[:PAGE]
    tallies = _tallies(request, page)
    for row in page:
        row.tally = tallies.get(row.pk, Tally())
    context = {
        "partners": page,
        "words": words,
        "older": shown[PAGE - 1].pk if len(shown) > PAGE else None,
        "is_first": start is None,
        "may_edit": request.user.has_perm(Permission.REFER),
    }
    return render(request, "referrals/partners.html", context)


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def partner(request, pk):
    """One partner: what they take, who works there, and the newest referrals each way."""
    row = get_object_or_404(Partner.objects.for_list(), pk=pk)
    mine = Referral.objects.visible_to(request.user, Permission.VIEW_PEOPLE).filter(partner=row)
    newest = list(mine.for_list()[:10])
    context = {
        "partner": row,
        "contacts": row.contacts.all()[:100],
        "tally": _tallies(request, [row]).get(row.pk, Tally()),
        "newest": newest,
        "may_edit": request.user.has_perm(Permission.REFER),
    }
    reads.record(request, [one.person for one in newest])
    return render(request, "referrals/partner.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.REFER, raise_exception=True)
@idempotent
def partner_new(request):
    """Put a partner on the list; a nearly taken name is shown first."""
    form = PartnerForm(request.POST or None, staff=_staff(request))
    alike = []
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_partner(
                **form.organization_values,
                **form.partner_values,
                is_another=form.cleaned_data["is_another"],
                by=request.user,
            )
        except services.PartnerExists as refusal:
            alike = refusal.partners
            form.ask_another()
            form.add_error("name", str(refusal))
        except Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            return redirect("referrals:partner", made.pk)
    return render(request, "referrals/partner_form.html", {"form": form, "alike": alike})


@require_http_methods(["GET", "POST"])
@permission_required(Permission.REFER, raise_exception=True)
def partner_edit(request, pk):
    """Change a partner."""
    row = get_object_or_404(Partner.objects.for_list(), pk=pk)
    form = PartnerForm(request.POST or None, staff=_staff(request), partner=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.edit_partner(
                Partner.objects.select_related("organization").get(pk=row.pk),
                version=form.cleaned_data["version"] or 0,
                organization_version=form.cleaned_data["organization_version"] or 0,
                **form.partner_values,
                **form.organization_values,
                by=request.user,
            )
        except Refused as refusal:
            form.add_error("name" if refusal.code == "name_taken" else None, str(refusal))
        else:
            return redirect("referrals:partner", row.pk)
    return render(request, "referrals/partner_form.html", {"form": form, "partner": row})


@require_http_methods(["GET", "POST"])
@permission_required(Permission.REFER, raise_exception=True)
@idempotent
def contact_new(request, pk):
    """Somebody who works at the partner."""
    row = get_object_or_404(Partner.objects.for_list(), pk=pk)
    form = ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.add_contact(row, by=request.user, **form.cleaned_data)
        return redirect("referrals:partner", row.pk)
    return render(request, "referrals/contact_form.html", {"form": form, "partner": row})


# Found and allowed ------------------------------------------------------------------------------------


def _referral(request, pk, permission):
    rows = Referral.objects.visible_to(request.user, permission)
    return get_object_or_404(
        rows.select_related(
            "person", "facility", "partner__organization", "contact", "made_by", "inquiry", "disclosure"
        ),
        pk=pk,
    )


def _row(rows, text):
    """The row of `rows` that a cursor names, or None for anything else."""
    try:
        return rows.filter(pk=uuid.UUID(text)).first()
    except ValueError:
        return None


def _tallies(request, partners):
    mine = Referral.objects.visible_to(request.user, Permission.VIEW_PEOPLE)
    return mine.tallies([row.pk for row in partners])


def _staff(request):
    """Colleagues who may refer, at facilities where one may too; by name."""
    here = Membership.objects.current().granting(Permission.REFER)
    here = here.filter(facility__in=request.user.facility_ids(Permission.REFER))
    return User.objects.filter(is_active=True, pk__in=here.values("user")).order_by("first_name", "last_name", "pk")


def _following(row):
    """States a person may write down from here; sending is a step of its own."""
    return NEXT_STATES[ReferralState(row.state)] - {ReferralState.SENT}


def _show(request, row, form):
    answer = None
    if row.state == ReferralState.DRAFT:
        organization = row.partner.organization
        answers = privacy.preview(
            row.person,
            recipients=[organization],
            purposes=services.PURPOSES,
            classes=services.LEAST,
            facility=row.facility,
        )
        answer = answers[organization.pk]
    may_refer = request.user.may(Permission.REFER, row.facility_id)
    context = {
        "referral": row,
        "inquiry": getattr(row, "inquiry", None),
        "moves": row.moves.select_related("by").order_by("at", "pk")[:100],
        "form": form if may_refer and _following(row) else None,
        "may_refer": may_refer,
        "is_draft": row.state == ReferralState.DRAFT,
        "no_consent_because": answer and answer[1],
        "today": row.facility.today(),
    }
    reads.record(request, [row.person])
    return render(request, "referrals/referral.html", context)
