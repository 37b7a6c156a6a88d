"""A referral comes in, a person is referred on, the referrer is told."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models import Facility
from accounts.permissions import Permission
from admissions import referring
from admissions.forms.referring import ReceiveForm, ReferOutForm, TellForm
from admissions.models import Inquiry
from core.errors import Refused
from core.idempotency import idempotent
from people import reads
from people import services as people
from privacy import services as privacy
from programs.enums import Category
from referrals import fits
from referrals.enums import Urgency
from referrals.models import Partner, Referral
from referrals.services import PURPOSES

PARTNERS = 100


@require_http_methods(["GET", "POST"])
@permission_required(Permission.REFER, raise_exception=True)
@idempotent
def receive_referral(request):
    """Write down a referral to the facility in view; it opens an inquiry."""
    facility = _facility(request)
    partners = Partner.objects.active().for_list()
    number = request.POST.get("phone", "")[:40]
    candidates = people.candidates(request.user, facility=facility, number=number) if number else []
    form = ReceiveForm(request.POST or None, partners=partners, candidates=candidates)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data | {"person": form.chosen_person()}
        if given["person"] is not None:
            for name in ("given_name", "family_name", "age_about"):
                given.pop(name)
        try:
            inquiry = referring.receive_referral(facility=facility, by=request.user, **given)
        except Refused as refusal:
            field = {"nothing_to_reach": "phone", "other_partner": "contact"}.get(refusal.code)
            form.add_error(field, str(refusal))
        else:
            messages.success(request, "The referral is written down and the inquiry is open.")
            return redirect("referrals:referral", inquiry.referral_id)
    reads.record(request, candidates)
    return render(request, "admissions/referring_receive.html", {"form": form, "facility": facility})


@require_http_methods(["GET", "POST"])
@permission_required(Permission.REFER, raise_exception=True)
@idempotent
def refer_out(request, pk):
    """Refer the person on: who fits, what consent allows, what they will be told; then send."""
    inquiry = _inquiry(request, pk)
    is_looking = "show" in request.POST
    partners = Partner.objects.active()
    typed = request.POST or None
    form = ReferOutForm(typed, partners=partners, initial={"category": _level(inquiry), "urgency": Urgency.SOON})
    if typed and not is_looking and form.is_valid():
        given = form.cleaned_data
        try:
            referring.refer_out(
                inquiry,
                partners=list(given["partners"][: fits.AT_MOST + 1]),
                classes=form.classes,
                category=given["category"],
                reason=given["reason"],
                urgency=given["urgency"],
                how=given["how"],
                by=request.user,
            )
        except Refused as refusal:
            form.add_error("partners" if refusal.code in {"no_partner", "too_many", "asked"} else None, str(refusal))
        else:
            messages.success(request, "Sent. You will be reminded to ask.")
            return redirect("admissions:refer_out", inquiry.pk)
    if is_looking:
        form = _unbound(form, partners, request.POST)
    return _show_refer_out(request, inquiry, form, partners)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.REFER, raise_exception=True)
@idempotent
def tell_referrer(request, pk):
    """Tell the partner who referred the person, if consent allows; else a task asks for it."""
    inquiry = _inquiry(request, pk)
    if inquiry.referral is None:
        raise Http404
    form = TellForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            told = referring.tell_referrer(inquiry, by=request.user, **form.cleaned_data)
        except privacy.NotPermitted as refusal:
            form.add_error("what", f"{refusal} Nothing was told. A task to ask the person for it is on the workbench.")
        except Refused as refusal:
            form.add_error("what", str(refusal))
        else:
            return redirect("privacy:disclosure", told.pk)
    partner = inquiry.referral.partner
    answers = privacy.preview(
        inquiry.person,
        recipients=[partner.organization],
        purposes=PURPOSES,
        classes=referring.NEWS_CLASSES[referring.News.ADMITTED],
        facility=inquiry.facility,
    )
    consent, code = answers[partner.organization_id]
    context = {"inquiry": inquiry, "partner": partner, "form": form, "consent": None if code else consent}
    reads.record(request, [inquiry.person])
    return render(request, "admissions/referring_tell.html", context)


def _show_refer_out(request, inquiry, form, partners):
    now = timezone.now()
    rows = list(partners.for_list()[:PARTNERS])
    category = str(form["category"].value() or "")
    category = category if category in Category.values else ""
    answers = privacy.preview(
        inquiry.person,
        recipients=[row.organization for row in rows],
        purposes=PURPOSES,
        classes=form.classes,
        at=now,
        facility=inquiry.facility,
    )
    mine = Referral.objects.visible_to(request.user, Permission.REFER)
    sent = list(mine.outgoing().filter(person=inquiry.person, facility=inquiry.facility).for_list()[:20])
    asked = {row.partner_id: row for row in sent if row.is_open and row.disclosure_id}
    tallies = mine.tallies([row.pk for row in rows])
    choices = fits.in_order(
        fits.fit(
            row,
            category=category,
            answer=answers[row.organization_id],
            tally=tallies.get(row.pk),
            open_referral=asked.get(row.pk),
        )
        for row in rows
    )
    consents = {one.consent.pk: one.consent for one in choices if one.consent}
    for consent in consents.values():
        consent.until_words = privacy.until(consent)
    context = {
        "inquiry": inquiry,
        "person": inquiry.person,
        "form": form,
        "choices": choices,
        "fitting": sum(not one.is_out for one in choices),
        "chosen": form.chosen(),
        "consents": list(consents.values())[:5],
        "sent": sent,
        "category": category,
        "at_most": fits.AT_MOST,
        "substances": referring.substances_told(inquiry),
        "today": inquiry.facility.today(now),
        "age": inquiry.person.age(inquiry.facility.today(now)),
    }
    reads.record(request, [inquiry.person])
    return render(request, "admissions/referring_out.html", context)


def _unbound(form, partners, post):
    """The same page with what was chosen so far, and no complaint about what is not filled in yet."""
    kept = {name: form[name].value() for name in form.fields if name != "partners"}
    kept["partners"] = post.getlist("partners")[: fits.AT_MOST]
    return ReferOutForm(partners=partners, initial=kept)


def _level(inquiry):
    """The level asked for, where somebody said one: the decision's program, else the newest referral's."""
    decision = inquiry.decisions.select_related("program").order_by("-decided_at").first()
    if decision and decision.program:
        return decision.program.category
    mine = Referral.objects.filter(person=inquiry.person_id, facility=inquiry.facility_id).exclude(category="")
    return mine.order_by("-made_at").values_list("category", flat=True).first() or ""


def _inquiry(request, pk):
    rows = Inquiry.objects.visible_to(request.user, Permission.REFER)
    return get_object_or_404(rows.select_related("person", "facility", "referral__partner__organization"), pk=pk)


def _facility(request):
    """The facility in view where the user may refer, else another one; nobody's facility answers 404."""
    allowed = Facility.objects.visible_to(request.user, Permission.REFER).order_by("name")
    if request.facility and request.user.may(Permission.REFER, request.facility):
        return request.facility
    return allowed.first() or _nowhere()


def _nowhere():
    raise Http404
