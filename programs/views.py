"""The bed board and what is done on it, people in care, appointments, and the set-up of programs and beds."""

import datetime as dt

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponseNotModified
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.middleware import is_poll
from accounts.permissions import Permission
from core.errors import Refused
from core.idempotency import idempotent
from people import reads
from people.models import Person
from programs import services
from programs.board import Board
from programs.forms import (
    AppointmentForm,
    BedForm,
    BedsForm,
    BlockForm,
    ExtendForm,
    MoveAppointmentForm,
    ProgramForm,
    ReasonForm,
    UnitForm,
)
from programs.models import Appointment, Bed, BedBlock, BedHold, BedUse, Placement, Program, Unit

PLACEMENTS_SHOWN = 400
APPOINTMENTS_SHOWN = 200
USES_SHOWN = 10


def in_view(request, permission):
    """The facility in view, where the user holds `permission`; 404 anywhere else."""
    if request.facility is None or not request.user.may(permission, request.facility):
        raise Http404
    return request.facility


# The board ------------------------------------------------------------------------------------------------


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def board(request):
    """Every bed of the facility in view. A poll whose picture is unchanged is answered 304 and reads nobody."""
    facility = in_view(request, Permission.VIEW_PEOPLE)
    shown = Board(facility, show=request.GET.get("show", "all")[:20])
    if is_poll(request) and request.headers.get("If-None-Match") == shown.etag:
        return HttpResponseNotModified(headers={"ETag": shown.etag})
    context = {"board": shown, "facility": facility, "now": shown.now.astimezone(shown.zone), "zone": shown.zone}
    if not is_poll(request):
        context |= _chosen(request, shown)
    reads.record(request, shown.people)
    template = "programs/board_live.html" if is_poll(request) else "programs/board.html"
    response = render(request, template, context)
    response.headers["ETag"] = shown.etag
    return response


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def peek(request, pk):
    """The bar for one bed of the board, as a part of it."""
    bed = _bed(request, pk, Permission.VIEW_PEOPLE)
    shown = Board(bed.unit.program.facility)
    context = _peek(request, shown, shown.tile(bed.pk))
    reads.record(request, [context["tile"] and context["tile"].person])
    return render(request, "programs/peek.html", context)


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def bed(request, pk):
    """One bed: who or what takes it, what can be done, and what took it before."""
    bed = _bed(request, pk, Permission.VIEW_PEOPLE)
    facility = bed.unit.program.facility
    shown = Board(facility)
    before = list(
        BedUse.objects.filter(bed=bed)
        .select_related("hold__person", "hold__held_by", "placement__person", "block")
        .order_by("-period", "-pk")[:USES_SHOWN]
    )
    context = _peek(request, shown, shown.tile(bed.pk)) | {"bed": bed, "before": before, "facility": facility}
    owners = [getattr(use, "hold", None) or getattr(use, "placement", None) for use in before]
    reads.record(request, {owner.person for owner in owners if owner} | {getattr(context["tile"], "person", None)})
    return render(request, "programs/bed.html", context)


def _chosen(request, shown):
    """Context of the peek bar when the board opens: the first free bed, else the first."""
    tiles = shown.shown
    tile = next((tile for tile in tiles if tile.state == "free"), tiles[0] if tiles else None)
    return _peek(request, shown, tile)


def _peek(request, shown, tile):
    user, facility = request.user, shown.facility
    return {
        "tile": tile,
        "now": shown.now.astimezone(shown.zone),
        "zone": shown.zone,
        "may_hold": user.may(Permission.HOLD_BED, facility),
        "may_admit": user.may(Permission.ADMIT, facility),
        "may_place": user.may(Permission.PLACE, facility),
        "may_block": user.may(Permission.BLOCK_BED, facility),
    }


def _bed(request, pk, permission):
    beds = Bed.objects.visible_to(request.user, permission).select_related("unit__program__facility")
    return get_object_or_404(beds, pk=pk)


# Holds and blocks -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@permission_required(Permission.HOLD_BED, raise_exception=True)
def extend(request, pk):
    """Hold a held bed longer, counted from now."""
    hold = _hold(request, pk)
    form = ExtendForm(request.POST or None, hold=hold)
    if request.method == "POST" and form.is_valid():
        until = timezone.now() + dt.timedelta(minutes=form.cleaned_data["lasts"])
        try:
            services.extend(hold, until=until, by=request.user, version=form.cleaned_data["version"])
        except Refused as refusal:
            form.add_error("lasts", str(refusal))
        else:
            messages.success(request, f"{hold.use.bed} is held longer.")
            return redirect("programs:bed", hold.use.bed_id)
    return _ask_about(request, form, hold=hold, title=f"Hold {hold.use.bed} longer", action="Hold it longer")


@require_http_methods(["GET", "POST"])
@permission_required(Permission.HOLD_BED, raise_exception=True)
def release(request, pk):
    """Let a held bed go, with a reason."""
    hold = _hold(request, pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.release(hold, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{hold.use.bed} is free again.")
            return redirect("programs:board")
    return _ask_about(
        request, form, hold=hold, title=f"Let go of {hold.use.bed}", action=f"Let go of {hold.use.bed}",
        loss="loses the bed now. It goes back to the board for whoever needs it next.",
    )  # fmt: skip


def _hold(request, pk):
    return get_object_or_404(BedHold.objects.visible_to(request.user, Permission.HOLD_BED).with_bed(), pk=pk)


def _ask_about(request, form, *, hold, title, action, loss=""):
    now = timezone.now()
    reads.record(request, [hold.person])
    context = {
        "form": form,
        "hold": hold,
        "bed": hold.use.bed,
        "title": title,
        "action": action,
        "loss": loss,
        "is_over": hold.use.state != "firm" or hold.use.expires_at <= now,
        "now": now.astimezone(hold.facility.time_zone),
        "zone": hold.facility.time_zone,
    }
    return render(request, "programs/hold_change.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.BLOCK_BED, raise_exception=True)
@idempotent
def block(request, pk):
    """Take a free bed out of use, for cleaning or for a fault."""
    bed = _bed(request, pk, Permission.BLOCK_BED)
    form = BlockForm(request.POST or None, facility=bed.unit.program.facility)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            services.block(bed, reason=told["reason"], kind=told["kind"], until=told["until"], by=request.user)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{bed} is out of use.")
            return redirect("programs:bed", bed.pk)
    return render(request, "programs/block.html", {"form": form, "bed": bed})


@require_POST
@permission_required(Permission.BLOCK_BED, raise_exception=True)
def unblock(request, pk):
    """Put a bed back into use."""
    row = get_object_or_404(
        BedBlock.objects.visible_to(request.user, Permission.BLOCK_BED).select_related("use__bed"), pk=pk
    )
    try:
        services.unblock(row, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{row.use.bed} is free.")
    return redirect("programs:bed", row.use.bed_id)


# People in care -------------------------------------------------------------------------------------------


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def placements(request):
    """Everybody in care at the facility in view, by program and bed, with day of stay and therapists."""
    facility = in_view(request, Permission.VIEW_PEOPLE)
    zone, today = facility.time_zone, facility.today()
    rows = list(
        Placement.objects.visible_to(request.user, Permission.VIEW_PEOPLE)
        .current()
        .filter(facility=facility)
        .for_list()
        .with_therapies()[:PLACEMENTS_SHOWN]
    )
    programs = {}
    for row in rows:
        row.day, row.planned, row.late = row.day_number(today, zone), row.days_planned(zone), row.days_late(today)
        row.therapies = [therapy for therapy in row.therapy_assignments.all() if therapy.state == "active"]
        programs.setdefault(row.program, []).append(row)
    context = {
        "programs": list(programs.items()),
        "count": len(rows),
        "facility": facility,
        "zone": zone,
        "may_place": request.user.may(Permission.PLACE, facility),
        "may_assign": request.user.may(Permission.ASSIGN_THERAPY, facility),
    }
    reads.record(request, [row.person for row in rows])
    return render(request, "programs/placements.html", context)


# Appointments ---------------------------------------------------------------------------------------------


@require_GET
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def appointments(request):
    """Who is expected at the facility in view from today on, by day, and who should have come."""
    facility = in_view(request, Permission.VIEW_PEOPLE)
    zone, today = facility.time_zone, facility.today()
    rows = list(
        Appointment.objects.visible_to(request.user, Permission.VIEW_PEOPLE)
        .filter(facility=facility)
        .booked()
        .for_list()[:APPOINTMENTS_SHOWN]
    )
    days = {}
    for row in rows:
        days.setdefault(row.starts_at.astimezone(zone).date(), []).append(row)
    reads.record(request, [row.person for row in rows])
    context = {"days": list(days.items()), "count": len(rows), "facility": facility, "today": today, "zone": zone,
               "now": timezone.now().astimezone(zone)}  # fmt: skip
    return render(request, "programs/appointments.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
@idempotent
def appointment_new(request, pk):
    """Expect a person at the facility in view."""
    facility = in_view(request, Permission.EDIT_PEOPLE)
    person = get_object_or_404(
        Person.objects.visible_to(request.user, Permission.EDIT_PEOPLE).filter(known_at__facility=facility), pk=pk
    )
    form = AppointmentForm(request.POST or None, facility=facility, person=person)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.book_appointment(facility=facility, person=person, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("on", str(refusal))
        else:
            messages.success(request, "The appointment is booked.")
            return redirect("programs:appointment", row.pk)
    reads.record(request, [person])
    return render(request, "programs/appointment_new.html", {"form": form, "person": person, "facility": facility})


@require_http_methods(["GET", "POST"])
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
def appointment(request, pk):
    """One appointment: move it, or say how it went."""
    row = _appointment(request, pk)
    form = MoveAppointmentForm(request.POST or None, appointment=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.move_appointment(row, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("on", str(refusal))
        else:
            messages.success(request, "The appointment is moved.")
            return redirect("programs:appointment", row.pk)
    now = timezone.now()
    zone = row.facility.time_zone
    reads.record(request, [row.person])
    context = {"form": form, "appointment": row, "is_over": row.state != "booked", "zone": zone,
               "is_past": row.starts_at <= now, "now": now.astimezone(zone)}  # fmt: skip
    return render(request, "programs/appointment.html", context)


@require_POST
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
def appointment_cancel(request, pk):
    """Cancel an appointment, with a reason."""
    form = ReasonForm(request.POST)
    row = _appointment(request, pk)
    if not form.is_valid():
        messages.error(request, "Write why it is cancelled. Nothing was changed.")
        return redirect("programs:appointment", row.pk)
    return _end(request, row, services.cancel_appointment, "The appointment is cancelled.", **form.cleaned_data)


@require_POST
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
def appointment_kept(request, pk):
    """The person came."""
    return _end(request, _appointment(request, pk), services.keep_appointment, "Kept.")


@require_POST
@permission_required(Permission.EDIT_PEOPLE, raise_exception=True)
def appointment_missed(request, pk):
    """The person did not arrive."""
    return _end(request, _appointment(request, pk), services.miss_appointment, "Written down: did not arrive.")


def _appointment(request, pk):
    rows = Appointment.objects.visible_to(request.user, Permission.EDIT_PEOPLE)
    return get_object_or_404(rows.select_related("person", "facility", "with_user", "remind_at", "booked_by"), pk=pk)


def _end(request, row, verb, words, **told):
    try:
        verb(row, by=request.user, **told)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, words)
    return redirect("programs:appointment", row.pk)


# Set-up ---------------------------------------------------------------------------------------------------


@require_GET
@permission_required(Permission.MANAGE_FACILITY, raise_exception=True)
def setup(request):
    """Programs, units and beds of the facility in view. No person is on this page."""
    facility = in_view(request, Permission.MANAGE_FACILITY)
    programs = Program.objects.visible_to(request.user, Permission.MANAGE_FACILITY).filter(facility=facility)
    rows = list(programs.prefetch_related("units__beds"))
    return render(request, "programs/setup.html", {"programs": rows, "facility": facility})


@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_FACILITY, raise_exception=True)
@idempotent
def program_new(request):
    """A new program of the facility in view."""
    facility = in_view(request, Permission.MANAGE_FACILITY)
    form = ProgramForm(request.POST or None, facility=facility)
    if request.method == "POST" and form.is_valid() and _saved(form):
        messages.success(request, "The program is added. Now give it a unit with beds.")
        return redirect("programs:unit_new", form.instance.pk)
    crumb = ("Programs and beds", reverse("programs:setup"))
    return _edit(request, form, title="New program", action="Add the program", crumb=crumb)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_FACILITY, raise_exception=True)
def program_edit(request, pk):
    """Change a program; it stops taking people only while nobody is in it and nothing is held."""
    program = _program(request, pk)
    form = ProgramForm(request.POST or None, instance=program, facility=program.facility)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_program(
                program, version=form.cleaned_data["version"] or 0, by=request.user,
                fields=[name for name in form.cleaned_data if name != "version"],
            )  # fmt: skip
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The program is changed.")
            return redirect("programs:setup")
    crumb = ("Programs and beds", reverse("programs:setup"))
    return _edit(request, form, title="Change a program", action="Save the program", crumb=crumb)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_FACILITY, raise_exception=True)
@idempotent
def unit_new(request, pk):
    """A new unit of a program."""
    program = _program(request, pk)
    form = UnitForm(request.POST or None, program=program)
    if request.method == "POST" and form.is_valid() and _saved(form):
        messages.success(request, "The unit is added. Now its beds.")
        return redirect("programs:beds_new", form.instance.pk)
    crumb = (str(program), reverse("programs:setup"))
    return _edit(request, form, title="New unit", action="Add the unit", crumb=crumb)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_FACILITY, raise_exception=True)
def unit_edit(request, pk):
    """Change a unit; whom it takes is asked again at each hold and placement."""
    unit = _unit(request, pk)
    form = UnitForm(request.POST or None, instance=unit, program=unit.program)
    if request.method == "POST" and form.is_valid() and _saved(form):
        messages.success(request, "The unit is changed.")
        return redirect("programs:setup")
    crumb = (str(unit.program), reverse("programs:setup"))
    return _edit(request, form, title="Change a unit", action="Save the unit", crumb=crumb)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_FACILITY, raise_exception=True)
@idempotent
def beds_new(request, pk):
    """Several beds or seats at once."""
    unit = _unit(request, pk)
    form = BedsForm(request.POST or None, unit=unit)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            services.add_beds(unit, by=request.user, **told)
        except Refused as refusal:
            form.add_error("codes", str(refusal))
        else:
            added = len(told["codes"])
            messages.success(request, f"{added} {'is' if added == 1 else 'are'} added.")
            return redirect("programs:setup")
    crumb = (f"{unit.program}, {unit}", reverse("programs:setup"))
    return _edit(request, form, title="Add beds", action="Add them", crumb=crumb)


@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_FACILITY, raise_exception=True)
def bed_edit(request, pk):
    """Change one bed, or switch it off while it is free."""
    row = _bed(request, pk, Permission.MANAGE_FACILITY)
    form = BedForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.set_bed(row, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The bed is changed.")
            return redirect("programs:setup")
    crumb = (f"{row.unit.program}, {row.unit}", reverse("programs:setup"))
    return _edit(request, form, title="Change a bed", action="Save the bed", crumb=crumb)


def _program(request, pk):
    rows = Program.objects.visible_to(request.user, Permission.MANAGE_FACILITY).select_related("facility")
    return get_object_or_404(rows, pk=pk)


def _unit(request, pk):
    rows = Unit.objects.visible_to(request.user, Permission.MANAGE_FACILITY).select_related("program__facility")
    return get_object_or_404(rows, pk=pk)


def _saved(form):
    """Save a form without rules; a name somebody took a moment ago is an error next to it."""
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:
        form.add_error("name", "Somebody gave this name to another one a moment ago.")
        return False
    return True


def _edit(request, form, *, title, action, crumb):
    words, url = crumb
    context = {"form": form, "title": title, "action": action, "crumb": words, "crumb_url": url}
    return render(request, "programs/edit.html", context)
