"""Hold, decide, admit, step down, discharge: the pages of `admissions/journey.py`."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.permissions import Permission
from admissions import journey
from admissions.enums import OPEN_STAGES, Stage
from admissions.forms.journey import AdmitForm, DecideForm, DischargeForm, HoldBedForm, HoldForm, StepDownForm
from admissions.models import AdmissionDecision, Inquiry
from core.errors import Refused
from core.idempotency import idempotent
from people import reads
from programs import services as programs
from programs.models import Bed, BedHold, Placement, Stay
from programs.services import Offer
from therapy.models import TherapyAssignment

OFFERS = 6
MOVE_OFFERS = 40
DECISIONS_SHOWN = 100


@require_http_methods(["GET", "POST"])
@permission_required(Permission.HOLD_BED, raise_exception=True)
@idempotent
def hold(request, pk):
    """Hold one of the best beds for the person of an open inquiry."""
    inquiry = _inquiry(request, pk, Permission.HOLD_BED)
    accepted = journey.accepted_program(inquiry)
    offers = _offers(request, inquiry, accepted, Permission.HOLD_BED)
    minutes = accepted.hold_minutes if accepted else offers[0].program.hold_minutes if offers else 120
    form = HoldForm(request.POST or None, user=request.user, minutes=minutes)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            journey.hold_for(inquiry, bed=told["bed"], until=form.until, reason=told["reason"], by=request.user)
        except Refused as refusal:
            form.add_error("bed", str(refusal))
            # The list as it is now: what was refused is not offered again.
            offers = getattr(refusal, "alternatives", offers)
        else:
            messages.success(request, f"{told['bed']} is held.")
            return redirect("admissions:inquiry", inquiry.pk)
    context = _about(inquiry) | {"form": form, "offers": offers, "held": _holds_of(inquiry), "accepted": accepted}
    reads.record(request, [inquiry.person])
    return render(request, "admissions/journey_hold.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.HOLD_BED, raise_exception=True)
@idempotent
def hold_bed(request, pk):
    """Hold a bed chosen on the board for one of the open inquiries of its facility."""
    beds = Bed.objects.visible_to(request.user, Permission.HOLD_BED).select_related("unit__program__facility")
    bed = get_object_or_404(beds, pk=pk)
    form = HoldBedForm(request.POST or None, user=request.user, bed=bed)
    alternatives = []
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            journey.hold_for(told["inquiry"], bed=bed, until=form.until, reason=told["reason"], by=request.user)
        except Refused as refusal:
            form.add_error(None, str(refusal))
            alternatives = getattr(refusal, "alternatives", [])
        else:
            messages.success(request, f"{bed} is held.")
            return redirect("programs:bed", bed.pk)
    reads.record(request, [inquiry.person for inquiry in form.shown])
    context = {"form": form, "bed": bed, "alternatives": alternatives}
    return render(request, "admissions/journey_hold_bed.html", context)


@require_GET
@permission_required(Permission.DECIDE, raise_exception=True)
def decisions(request):
    """Inquiries that wait for a decision, oldest first: those sent for one, then those nobody decided about."""
    facility = request.facility
    if facility is None or not request.user.may(Permission.DECIDE, facility):
        raise Http404
    newest = AdmissionDecision.objects.select_related("decided_by", "program").order_by("-decided_at", "-pk")
    rows = list(
        Inquiry.objects.visible_to(request.user, Permission.DECIDE)
        .filter(facility=facility)
        .waiting_for_decision()
        .select_related("person", "owner", "caller")
        .prefetch_related("substances", Prefetch("decisions", queryset=newest))[:DECISIONS_SHOWN]
    )
    holds = BedHold.objects.open().filter(request_id__in=[row.pk for row in rows]).with_bed()
    held = {row.request_id: row for row in holds}
    for row in rows:
        row.held = held.get(row.pk)
    waiting = [row for row in rows if row.stage == Stage.DECISION]
    context = {
        "waiting": waiting,
        "undecided": [row for row in rows if row.stage != Stage.DECISION],
        "facility": facility,
        "zone": facility.time_zone,
        "now": timezone.localtime(timezone.now(), facility.time_zone),
    }
    reads.record(request, [person for row in rows for person in (row.person, row.caller)])
    return render(request, "admissions/journey_decisions.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.DECIDE, raise_exception=True)
@idempotent
def decide(request, pk):
    """Accept, decline, or ask for more, with what was told in view."""
    inquiry = _inquiry(request, pk, Permission.DECIDE)
    form = DecideForm(request.POST or None, user=request.user, inquiry=inquiry)
    if request.method == "POST" and form.is_valid():
        try:
            row = journey.decide(inquiry, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("program" if refusal.code == "program_missing" else None, str(refusal))
        else:
            messages.success(request, f"Decided: {row.get_outcome_display().lower()}.")
            return redirect("admissions:inquiry", inquiry.pk)
    before = list(inquiry.decisions.select_related("program", "decided_by").order_by("-decided_at", "-pk")[:10])
    held = list(BedHold.objects.open().filter(request_id=inquiry.pk).with_bed())
    context = _about(inquiry) | {
        "form": form,
        "before": before,
        "held": held,
        "substances": list(inquiry.substances.all()),
        "is_over": inquiry.stage not in OPEN_STAGES,
    }
    reads.record(request, [inquiry.person, inquiry.caller])
    return render(request, "admissions/journey_decide.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.ADMIT, raise_exception=True)
@idempotent
def admit(request, pk):
    """Admit an accepted person, into the bed held for them or a free one."""
    inquiry = _inquiry(request, pk, Permission.ADMIT)
    accepted = journey.accepted_program(inquiry)
    facility = accepted.facility if accepted else inquiry.facility
    held = _holds_of(inquiry)
    form = AdmitForm(request.POST or None, user=request.user, facility=facility, hold=held[0] if held else None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        own = BedHold.objects.filter(pk=told["hold"], request_id=inquiry.pk, use__bed=told["bed"]).with_bed().first()
        try:
            stay = journey.admit(
                inquiry, bed=told["bed"], hold=own, at=told["at"], planned_days=told["planned_days"], by=request.user
            )
        except Refused as refusal:
            form.add_error("bed" if refusal.code in {"bed_taken", "hold_over"} else None, str(refusal))
            # A hold that is over confirms nothing; the bed itself may be chosen again if it is free.
            form.forget_hold()
            held = _holds_of(inquiry)
        else:
            messages.success(request, f"{inquiry.person} is in care, in {told['bed']}.")
            return redirect(_after_admission(request, stay))
    offers = [Offer(row.use.bed, [f"held by {row.held_by}"]) for row in held]
    offers += _offers(request, inquiry, accepted, Permission.ADMIT)
    context = _about(inquiry) | {"form": form, "offers": offers, "held": held, "accepted": accepted}
    reads.record(request, [inquiry.person])
    return render(request, "admissions/journey_admit.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.PLACE, raise_exception=True)
@idempotent
def step_down(request, pk):
    """Move a person on: from and to, when, and what becomes of each therapy."""
    stay, placement = _stay(request, pk)
    if placement is None:
        return _ended(request, stay)
    assignments = list(
        TherapyAssignment.objects.active()
        .filter(placement=placement)
        .select_related("modality", "therapist")
        .order_by("modality__position", "pk")
    )
    held = _held_for(request, stay.person)
    offers = _next_beds(request, stay, placement, held)
    to = _chosen_bed(request) or _proposed(offers, stay, placement, held)
    form = StepDownForm(
        request.POST or None, user=request.user, stay=stay, placement=placement, assignments=assignments,
        offers=offers, to=to,
    )  # fmt: skip
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            moved = journey.step_down(
                stay, bed=told["bed"], at=told["at"], reason=told["reason"], carry=told["carry"],
                planned_days=told["planned_days"], cleaning=told["cleaning"], by=request.user,
                expected=Placement.objects.filter(pk=told["placement"], stay=stay).select_related("program").first(),
            )  # fmt: skip
        except Refused as refusal:
            form.add_error("bed" if hasattr(refusal, "alternatives") else None, str(refusal))
        else:
            messages.success(request, f"{stay.person} is in {moved.program}, {told['bed']}.")
            return redirect(_after_admission(request, moved.stay))
    facility = stay.facility
    kind = journey.placement_reason(placement.program.category, to.unit.program.category) if to else None
    context = {
        "form": form,
        "stay": stay,
        "placement": placement,
        "from_bed": placement.use.bed,
        "to": to,
        "offers": offers,
        "kind": kind,
        "day": placement.day_number(facility.today(), facility.time_zone),
        "undecided": [row for row, fate, _ in form.fates if not fate.value()],
        "zone": facility.time_zone,
        "now": timezone.localtime(timezone.now(), facility.time_zone),
        "hold": held.get(to.pk) if to else None,
    }
    reads.record(request, [stay.person])
    return render(request, "admissions/journey_step_down.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.PLACE, raise_exception=True)
@idempotent
def discharge(request, pk):
    """End a stay: how, where to, and what follows."""
    stay, placement = _stay(request, pk)
    if placement is None:
        return _ended(request, stay)
    form = DischargeForm(request.POST or None, facility=stay.facility, placement=placement)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            journey.discharge(
                stay, type=told["type"], at=told["at"], destination=told["destination"], note=told["note"],
                cleaning=told["cleaning"], by=request.user,
                expected=Placement.objects.filter(pk=told["placement"], stay=stay).first(),
            )  # fmt: skip
        except Refused as refusal:
            form.add_error("note" if refusal.code == "reason_missing" else None, str(refusal))
        else:
            messages.success(request, f"{stay.person} is discharged.")
            return redirect("admissions:person", stay.person_id)
    facility = stay.facility
    therapies = TherapyAssignment.objects.active().filter(placement__stay=stay).select_related("modality", "therapist")
    context = {
        "form": form,
        "stay": stay,
        "placement": placement,
        "bed": placement.use.bed,
        "day": (facility.today() - facility.today(stay.admitted_at)).days + 1,
        "therapies": list(therapies),
        "zone": facility.time_zone,
    }
    reads.record(request, [stay.person])
    return render(request, "admissions/journey_discharge.html", context)


def _inquiry(request, pk, permission):
    rows = Inquiry.objects.visible_to(request.user, permission)
    return get_object_or_404(rows.select_related("person", "facility", "owner", "caller", "contact_point"), pk=pk)


def _stay(request, pk):
    """(a stay in sight, its primary placement now or None)."""
    rows = Stay.objects.visible_to(request.user, Permission.PLACE).select_related("person", "facility")
    stay = get_object_or_404(rows, pk=pk)
    placement = (
        stay.placements.current().filter(is_primary=True).select_related("program", "use__bed__unit__program").first()
    )
    return stay, placement


def _ended(request, stay):
    messages.error(request, "This stay has ended already.")
    reads.record(request, [stay.person])
    return redirect("admissions:person", stay.person_id)


def _about(inquiry):
    zone = inquiry.facility.time_zone
    return {"inquiry": inquiry, "zone": zone, "now": timezone.localtime(timezone.now(), zone)}


def _usable(request, permission, first):
    """Ids of the facilities where the user holds `permission`, `first` before the others."""
    return sorted(request.user.facility_ids(permission), key=lambda pk: pk != first)


def _offers(request, inquiry, accepted, permission):
    """The best free beds for the inquiry: of the level accepted, else whatever fits the person."""
    first = accepted.facility_id if accepted else inquiry.facility_id
    usable = _usable(request, permission, first)
    category = accepted.category if accepted else None
    return programs.best_beds(usable, category=category, person=inquiry.person, limit=OFFERS)


def _holds_of(inquiry):
    """Beds held for this inquiry now, the oldest first."""
    rows = BedHold.objects.open().filter(request_id=inquiry.pk, person=inquiry.person)
    return list(rows.with_bed().order_by("held_at", "pk"))


def _held_for(request, person):
    """{bed id: hold} of the beds held for `person` where the user may place."""
    rows = BedHold.objects.visible_to(request.user, Permission.PLACE).open().filter(person=person).with_bed()
    return {row.use.bed_id: row for row in rows}


def _next_beds(request, stay, placement, held):
    """Beds for the next step: those held for this person, then free ones, the next lower level of care first."""
    usable = _usable(request, Permission.PLACE, stay.facility_id)
    free = programs.best_beds(usable, person=stay.person, limit=MOVE_OFFERS)
    here = journey.INTENSITY[placement.program.category]

    def how_near(offer):
        distance = here - journey.INTENSITY[offer.program.category]
        return (offer.program.facility_id != stay.facility_id, distance <= 0, abs(distance))

    return [Offer(row.use.bed) for row in held.values()] + sorted(free, key=how_near)


def _proposed(offers, stay, placement, held):
    """The bed held for them, or one at a lower level of care in the same house; never farther by itself."""
    for offer in offers:
        is_lower = journey.INTENSITY[offer.program.category] < journey.INTENSITY[placement.program.category]
        if offer.bed.pk in held or (is_lower and offer.program.facility_id == stay.facility_id):
            return offer.bed
    return None


def _chosen_bed(request):
    """The bed named in the form or the address, if it is in sight; None otherwise."""
    named = request.POST.get("bed") or request.GET.get("bed")
    if not named:
        return None
    beds = Bed.objects.visible_to(request.user, Permission.PLACE).in_use().select_related("unit__program__facility")
    try:
        return beds.filter(pk=named).first()
    except (ValueError, ValidationError):
        return None


def _after_admission(request, stay):
    """Therapies come next where the user may assign them; otherwise the person's page."""
    placement = stay.placements.current().first()
    if placement and request.user.may(Permission.ASSIGN_THERAPY, placement.facility_id):
        return reverse("therapy:assign", args=[placement.pk])
    return reverse("admissions:person", args=[stay.person_id])
