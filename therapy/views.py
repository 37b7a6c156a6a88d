"""Assign, change and end therapies; whom a clinician cares for."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.permissions import Permission
from core.errors import Refused
from core.idempotency import idempotent
from people import reads
from programs.forms import ReasonForm
from programs.models import Placement
from therapy import services
from therapy.forms import AssignForm, ChangeForm
from therapy.models import TherapyAssignment

CASELOAD_SHOWN = 300


@require_GET
@permission_required(Permission.ASSIGN_THERAPY, raise_exception=True)
def caseload(request):
    """Everybody with an active therapy by this clinician at the facility in view: level of care, day of stay."""
    facility = request.facility
    if facility is None or not request.user.may(Permission.ASSIGN_THERAPY, facility):
        raise Http404
    zone, today = facility.time_zone, facility.today()
    rows = (
        TherapyAssignment.objects.visible_to(request.user, Permission.ASSIGN_THERAPY)
        .filter(facility=facility)
        .active()
        .of(request.user)
        .for_list()[:CASELOAD_SHOWN]
    )
    people = {}
    for row in rows:
        placement = row.placement
        one = people.setdefault(
            row.person_id,
            {
                "person": row.person,
                "placement": placement,
                "day": (today - facility.today(placement.stay.admitted_at)).days + 1,
                "planned": placement.days_planned(zone),
                "late": placement.days_late(today),
                "therapies": [],
            },
        )
        one["therapies"].append(row)
    context = {
        "people": list(people.values()),
        "sessions": sum(row.per_week for one in people.values() for row in one["therapies"]),
        "facility": facility,
        "zone": zone,
    }
    reads.record(request, people)
    return render(request, "therapy/caseload.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.ASSIGN_THERAPY, raise_exception=True)
@idempotent
def assign(request, pk):
    """Assign a therapy to the person of a placement; the page stays open for the next one."""
    placement = get_object_or_404(
        Placement.objects.visible_to(request.user, Permission.ASSIGN_THERAPY).select_related(
            "person", "program", "facility", "use__bed"
        ),
        pk=pk,
    )
    form = AssignForm(request.POST or None, facility=placement.facility, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.assign(placement, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("therapist" if refusal.code == "no_therapist" else None, str(refusal))
        else:
            messages.success(request, f"{row.modality} is assigned, with {row.therapist}.")
            return redirect("therapy:assign", placement.pk)
    assigned = list(placement.therapy_assignments.active().select_related("modality", "therapist"))
    zone = placement.facility.time_zone
    context = {
        "form": form,
        "placement": placement,
        "assigned": assigned,
        "day": placement.day_number(placement.facility.today(), zone),
        "is_over": placement.period.upper is not None,
    }
    reads.record(request, [placement.person])
    return render(request, "therapy/assign.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.ASSIGN_THERAPY, raise_exception=True)
def change(request, pk):
    """Change or end one therapy."""
    row = _assignment(request, pk)
    form = ChangeForm(request.POST or None, assignment=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.change(row, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("therapist" if refusal.code == "no_therapist" else None, str(refusal))
        else:
            messages.success(request, f"{row.modality} is changed.")
            return redirect("therapy:assign", row.placement_id)
    reads.record(request, [row.person])
    context = {"form": form, "assignment": row, "is_over": row.state != "active"}
    return render(request, "therapy/change.html", context)


@require_POST
@permission_required(Permission.ASSIGN_THERAPY, raise_exception=True)
def end(request, pk):
    """End one therapy, with a reason."""
    row = _assignment(request, pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Write why it ends. Nothing was changed.")
        return redirect("therapy:change", row.pk)
    try:
        services.end(row, by=request.user, **form.cleaned_data)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{row.modality} has ended.")
    return redirect("therapy:assign", row.placement_id)


def _assignment(request, pk):
    rows = TherapyAssignment.objects.visible_to(request.user, Permission.ASSIGN_THERAPY)
    related = rows.select_related("person", "modality", "therapist", "facility", "placement__program")
    return get_object_or_404(related, pk=pk)
