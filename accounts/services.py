"""Inviting, changing and deactivating staff."""

import datetime as dt
import hashlib
import secrets

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.utils import timezone

from accounts.models import Invitation, Membership, User
from accounts.permissions import Permission, Role
from core import happenings
from core.errors import Refused

INVITATION_LASTS = dt.timedelta(hours=72)
FLAGS = ("is_supervisor", "is_privacy_officer", "is_clinical_lead")


def invite(facility, *, email, first_name, last_name, role, by, at=None, **flags):
    """Invite one person to one facility; returns (Invitation, token). The token is shown once and not kept.

    Raises Refused when somebody with this address already works there.
    """
    at = at or timezone.now()
    email = email.strip().lower()
    with transaction.atomic():
        if Membership.objects.current(at).filter(facility=facility, user__email__iexact=email).exists():
            raise Refused("Somebody with this address already works here.")
        token = secrets.token_urlsafe(32)
        invitation = Invitation.objects.create(
            email=email, first_name=first_name, last_name=last_name, facility=facility, role=role,
            token_hash=_hash(token), invited_by=by, expires_at=at + INVITATION_LASTS,
            **{flag: bool(flags.get(flag)) for flag in FLAGS},
        )  # fmt: skip
        happenings.record("staff.invited", f"Invited {first_name} {last_name} as {Role(role).label}.", by=by,
                          place=facility)  # fmt: skip
    return invitation, token


def open_facility(facility, *, administrator, password):
    """Save a new `facility` and its `administrator` (unsaved rows), who invites everybody else.

    Raises Refused for a username that only demo accounts have.
    """
    if administrator.username.lower() in settings.RESERVED_USERNAMES:
        raise Refused("This username belongs to the demo. Choose another.", code="username")
    with transaction.atomic():
        facility.save()
        administrator.set_password(password)
        administrator.home_facility = facility
        administrator.save()
        Membership.objects.create(user=administrator, facility=facility, role=Role.ADMIN)
        happenings.record("facility.opened", f"{facility} opened.", by=administrator, place=facility)


def open_invitation(token, *, at=None):
    """The invitation of `token`, or None when unknown, used or older than 72 hours."""
    at = at or timezone.now()
    return (
        Invitation.objects.select_related("facility")
        .filter(token_hash=_hash(token), accepted_at=None, expires_at__gt=at)
        .first()
    )


def accept(token, *, username, password, at=None):
    """Make the account and the membership; returns the User.

    Somebody who already has an account with this address only gains the membership, after giving the
    account's own password. Raises Refused; ValidationError for a weak password.
    """
    at = at or timezone.now()
    with transaction.atomic():
        invitation = (
            Invitation.objects.select_for_update()
            .filter(token_hash=_hash(token), accepted_at=None, expires_at__gt=at)
            .first()
        )
        if invitation is None:
            raise Refused("This invitation has been used or is too old. Ask for a new one.", code="invitation")
        user = User.objects.filter(email__iexact=invitation.email).first()
        if user is None:
            is_reserved = username.lower() in settings.RESERVED_USERNAMES
            if is_reserved or User.objects.filter(username__iexact=username).exists():
                raise Refused("This username is taken. Choose another.", code="username")
            user = User(username=username, email=invitation.email, first_name=invitation.first_name,
                        last_name=invitation.last_name, home_facility=invitation.facility)  # fmt: skip
            validate_password(password, user)
            user.set_password(password)
            user.save()
        elif not user.is_active or not user.check_password(password):
            raise Refused("You already have an account. Give its password to join this facility.", code="password")
        _join(user, invitation, at)
        invitation.accepted_at, invitation.user = at, user
        invitation.save(update_fields=["accepted_at", "user"])
        happenings.record("staff.joined", f"{user} joined {invitation.facility}.", by=user, place=invitation.facility)
    return user


def _join(user, invitation, at):
    given = {"role": invitation.role} | {flag: getattr(invitation, flag) for flag in FLAGS}
    current = Membership.objects.current(at).filter(user=user, facility=invitation.facility, reason="").first()
    if current:
        Membership.objects.filter(pk=current.pk).update(**given)
    else:
        Membership.objects.create(user=user, facility=invitation.facility, starts_at=at, **given)


def change_membership(membership, *, role, by, **flags):
    """Give another role or flags; effective on the person's next request.

    Raises Refused when the facility would be left without an administrator.
    """
    with transaction.atomic():
        locked = Membership.objects.select_for_update().select_related("user", "facility").get(pk=membership.pk)
        if locked.role == Role.ADMIN and role != Role.ADMIN:
            _keep_an_admin(locked)
        locked.role = role
        for flag in FLAGS:
            setattr(locked, flag, bool(flags.get(flag)))
        locked.save()
        happenings.record("staff.changed", f"{locked.user} is now {Role(role).label}.", by=by, place=locked.facility)
    return locked


def end_membership(membership, *, by, at=None):
    """The person no longer works at this facility, from their next request on.

    Somebody who then works nowhere is deactivated, which ends every session. Raises Refused for
    one's own membership and for the last administrator's.
    """
    at = at or timezone.now()
    with transaction.atomic():
        locked = Membership.objects.select_for_update().select_related("user", "facility").get(pk=membership.pk)
        if locked.user_id == by.pk:
            raise Refused("You cannot end your own access. Ask another administrator.")
        if locked.role == Role.ADMIN:
            _keep_an_admin(locked)
        locked.ends_at = at
        locked.save(update_fields=["ends_at"])
        if not Membership.objects.current(at).filter(user=locked.user_id).exists():
            User.objects.filter(pk=locked.user_id).update(is_active=False)
        happenings.record("staff.left", f"{locked.user} no longer works here.", by=by, place=locked.facility)
    return locked


def _keep_an_admin(membership):
    others = (
        Membership.objects.current()
        .granting(Permission.MANAGE_STAFF)
        .filter(facility=membership.facility, user__is_active=True)
    )
    if not others.exclude(pk=membership.pk).exists():
        raise Refused("This is the last administrator of the facility. Name another first.")


def _hash(token):
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
