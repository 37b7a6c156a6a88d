"""Every page a person can open, straight from the access matrix: for axe, reflow, focus and the screenshots.

`demo()` makes the demo organization in the test database and names the rows the pages are about, under
the names that `tests/access/world.py` uses, so that the matrix' own arguments fit.
"""

from types import SimpleNamespace

from django.urls import reverse
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Membership, User
from accounts.permissions import Permission, Role
from admissions.models import CallDraft, Inquiry, IntakeCall, SafetyCheck
from messaging.models import Message
from people.models import ContactPoint, Person
from privacy.models import Consent, Disclosure
from programs.models import Appointment, Bed, BedHold, Placement, Program
from referrals.models import Partner, Referral
from reports.seeding import demo as seeding
from tests.access import PUBLIC
from tests.factories import PASSWORD, make_referral
from tests.test_access import ROWS
from therapy.models import TherapyAssignment
from work.models import Task

# Answers that are no pages of their own: parts for htmx, files, health.
PARTS = {
    "accounts:accept", "admissions:home", "admissions:call_beds", "admissions:call_compare",
    "admissions:workbench_part", "programs:peek", "healthz", "healthz_deep", "mfa_download_recovery_codes",
    "account_logout", "account_signup", "account_confirm_email", "account_reset_password_from_key",
    "account_confirm_login_code", "account_email", "account_set_password", "mfa_authenticate", "mfa_reauthenticate",
    "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "account_reauthenticate",
    "account_email_verification_sent", "account_inactive", "account_login",
}  # fmt: skip


READERS = ["", *(role.value for role in Role)]


def demo(inquiries=80, days=60, seed="1"):
    """The demo organization as a world of facility one; `users` are its accounts by name."""
    seeding.make(
        seed=seed, now=timezone.now().replace(microsecond=0), inquiries=inquiries, days=days, password=PASSWORD
    )
    w = SimpleNamespace(users={user.username: user for user in User.objects.all()})
    w.coordinator, w.clinician, w.manager, w.admin = (w.users[role.value] for role in Role)
    f = w.facility = w.coordinator.memberships.get().facility
    now = timezone.now()
    w.membership = Membership.objects.get(facility=f, user=w.clinician)
    w.invitation, _ = accounts.invite(
        f, email="noor@example.org", first_name="Noor", last_name="Haddad", role=Role.CLINICIAN, by=w.admin
    )
    here = {"facility": f}
    w.placement = Placement.objects.current().filter(**here, program__category="res_med").order_by("pk").first()
    w.stay, w.person = w.placement.stay, w.placement.person
    w.inquiry = Inquiry.objects.filter(**here, stage="scheduled").order_by("pk").first()
    if not w.inquiry.referral:
        w.inquiry.referral = make_referral(facility=f, person=w.inquiry.person)
        w.inquiry.save(update_fields=["referral"])
    w.relative = Person.objects.filter(inquiries_made__facility=f, contact_points__kind="phone").first()
    w.contact_point = ContactPoint.objects.filter(person=w.relative, kind="phone").first()
    w.email = ContactPoint.objects.filter(person__inquiries__facility=f, kind="email").first()
    w.call = IntakeCall.objects.filter(**here).first()
    w.task = Task.objects.open().promises().filter(**here).order_by("due_at").first()
    w.program = Program.objects.filter(**here).first()
    w.bed = _free_bed(f, now)
    w.hold = BedHold.objects.open(now).filter(**here).order_by("use__expires_at").first()
    w.appointment = Appointment.objects.filter(**here, state="booked").first()
    w.consent = Consent.objects.filter(**here).first()
    w.disclosure = Disclosure.objects.filter(**here).first()
    w.referral = Referral.objects.filter(**here, direction="out").first()
    w.partner = Partner.objects.filter(referrals__facility=f).first()
    w.assignment = TherapyAssignment.objects.filter(placement=w.placement, state="active").first()
    w.message = Message.objects.filter(**here, state="sent").first()
    w.draft = CallDraft.objects.create(user=w.coordinator, facility=f, began_at=now, touched_at=now)
    w.safety_check = SafetyCheck.objects.create(
        **here, inquiry=w.inquiry, answer="yes", is_e1=True, asked_at=now, asked_by=w.clinician
    )
    return w


def _free_bed(facility, now):
    from programs.models import BedUse

    taken = BedUse.objects.taking(now).values("bed")
    return Bed.objects.filter(unit__program__facility=facility).exclude(pk__in=taken).order_by("code").first()


def pages(world):
    """(URL name, address, user who may open it or None for the public) of every page."""
    for name, row in sorted(ROWS.items()):
        if name in PARTS or (row.methods and "get" not in row.methods):
            continue
        yield name, reverse(name, kwargs=row.args(world)), _reader(name, row, world)


def _reader(name, row, world):
    """One of those who may open it, spread evenly so that the browser tests can run side by side."""
    if row.permission == PUBLIC:
        return None
    staff = [getattr(world, Role(role).value) for role in row.only or Role]
    may = [user for user in staff if row.permission not in set(Permission) or user.has_perm(row.permission)]
    return may[sum(map(ord, name)) % len(may)]
