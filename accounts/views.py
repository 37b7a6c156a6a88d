"""Staff, the facility, the switcher, one's own settings, and staying signed in."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, permission_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import services
from accounts.forms import AcceptForm, FacilityForm, InviteForm, MembershipForm, OpeningHoursFormSet, ProfileForm
from accounts.models import Facility, Invitation, Membership
from accounts.permissions import Permission
from core.errors import Refused
from core.idempotency import idempotent

FACILITY_EDITABLE = FacilityForm.Meta.fields


@require_POST
def stay(request):
    """Somebody pressed a key: the session goes on."""
    return HttpResponse(status=204)


@require_POST
def switch_facility(request):
    """Look at another of one's facilities. It filters, and grants nothing."""
    chosen = request.POST.get("facility", "")
    if chosen in {str(m.facility_id) for m in request.user.current_memberships()}:
        request.session["facility"] = chosen
    back = request.POST.get("next", "/")
    # A page about one person of the other facility would be a 404 now: only lists are worth returning to.
    is_list = back.count("/") <= 2 and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return redirect(back if is_list else "/")


@require_http_methods(["GET", "POST"])
def profile(request):
    """My settings."""
    facilities = [m.facility for m in request.user.current_memberships()]
    form = ProfileForm(request.POST or None, instance=request.user, facilities=facilities)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Your settings are kept.")
        return redirect("accounts:profile")
    return render(request, "accounts/profile.html", {"form": form, "memberships": request.user.current_memberships()})


@require_GET
@permission_required(Permission.MANAGE_STAFF, raise_exception=True)
def staff(request):
    """Who works at the facilities I administer, and who is invited."""
    facilities = request.user.facility_ids(Permission.MANAGE_STAFF)
    members = (
        Membership.objects.current()
        .filter(facility__in=facilities)
        .select_related("user", "facility")
        .order_by("facility__name", "user__last_name", "user__first_name", "pk")[:500]
    )
    invitations = (
        Invitation.objects.filter(facility__in=facilities, accepted_at=None)
        .select_related("facility")
        .order_by("-created_at")[:50]
    )
    return render(request, "accounts/staff.html", {"members": members, "invitations": invitations})


@never_cache
@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_STAFF, raise_exception=True)
@idempotent
def invite(request):
    """Invite one person to the facility in view."""
    facility = _administered(request, Permission.MANAGE_STAFF)
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            invitation, token = services.invite(facility, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("email", str(refusal))
        else:
            # Shown once on the next page, kept only as a hash.
            request.session["invitation_link"] = [
                str(invitation.public_id),
                request.build_absolute_uri(reverse("accounts:accept", args=[token])),
            ]
            return redirect("accounts:invited", invitation.public_id)
    return render(request, "accounts/invite.html", {"form": form, "facility": facility})


@never_cache
@require_GET
@permission_required(Permission.MANAGE_STAFF, raise_exception=True)
def invited(request, public_id):
    """The link to hand over, shown once."""
    invitation = get_object_or_404(
        Invitation.objects.filter(facility__in=request.user.facility_ids(Permission.MANAGE_STAFF)), public_id=public_id
    )
    shown_for, link = request.session.pop("invitation_link", None) or (None, None)
    link = link if shown_for == str(public_id) else None
    return render(request, "accounts/invited.html", {"invitation": invitation, "link": link})


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def accept(request, token):
    """The invited person chooses a username and a password."""
    invitation = services.open_invitation(token)
    if invitation is None:
        return render(request, "accounts/invitation_over.html", status=404)
    form = AcceptForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            services.accept(token, username=given["username"], password=given["password"])
        except Refused as refusal:
            form.add_error("username" if refusal.code == "username" else "password", str(refusal))
        except ValidationError as error:
            form.add_error("password", error)
        else:
            messages.success(request, "Your account is ready. Sign in with it.")
            return redirect("account_login")
    return render(request, "accounts/accept.html", {"form": form, "invitation": invitation})


@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_STAFF, raise_exception=True)
def member(request, pk):
    """Change one person's role and flags."""
    membership = _membership(request, pk)
    form = MembershipForm(request.POST or None, instance=membership)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_membership(membership, by=request.user, **form.cleaned_data)
        except Refused as refusal:
            form.add_error("role", str(refusal))
        else:
            messages.success(request, f"{membership.user} is changed, from the next click on.")
            return redirect("accounts:staff")
    return render(request, "accounts/member.html", {"form": form, "membership": membership})


@require_POST
@permission_required(Permission.MANAGE_STAFF, raise_exception=True)
def end_membership(request, pk):
    """End one person's access to a facility."""
    membership = _membership(request, pk)
    try:
        services.end_membership(membership, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{membership.user} has no access to {membership.facility} any more.")
    return redirect("accounts:staff")


@require_http_methods(["GET", "POST"])
@permission_required(Permission.MANAGE_FACILITY, raise_exception=True)
def facility(request):
    """Address, clock, opening hours and goals of the facility in view."""
    place = _administered(request, Permission.MANAGE_FACILITY)
    form = FacilityForm(request.POST or None, instance=place)
    hours = OpeningHoursFormSet(request.POST or None, instance=place, prefix="hours")
    if request.method == "POST" and form.is_valid() and hours.is_valid():
        try:
            place.save_if_current(form.cleaned_data["version"], fields=FACILITY_EDITABLE)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            hours.save()
            messages.success(request, "The facility is saved.")
            return redirect("accounts:facility")
    return render(request, "accounts/facility.html", {"form": form, "hours": hours, "facility": place})


def _administered(request, permission):
    """The facility in view if the user administers it, else the first they do; 404 otherwise."""
    allowed = Facility.objects.visible_to(request.user, permission)
    here = request.facility and allowed.filter(pk=request.facility.pk).first()
    if here or (here := allowed.first()):
        return here
    return get_object_or_404(allowed)


def _membership(request, pk):
    return get_object_or_404(
        Membership.objects.current()
        .filter(facility__in=request.user.facility_ids(Permission.MANAGE_STAFF))
        .select_related("user", "facility"),
        pk=pk,
    )
