"""What a role may do: one table, read by one authentication backend (`accounts.backends.Staff`).

Which rows is another question, answered by `visible_to` (docs/decisions/0003).
"""

from django.db import models


class Role(models.TextChoices):
    """What a member of staff is at one facility."""

    COORDINATOR = "coordinator", "Coordinator"
    CLINICIAN = "clinician", "Clinician"
    MANAGER = "manager", "Manager"
    ADMIN = "admin", "Administrator"


class Permission(models.TextChoices):
    """Values are Django permission names, so `permission_required` and `{{ perms }}` work with them."""

    VIEW_PEOPLE = "handrail.view_people", "See people and their inquiries"
    LOG_CALL = "handrail.log_call", "Log calls and take inquiries"
    EDIT_PEOPLE = "handrail.edit_people", "Change what is known about a person"
    HOLD_BED = "handrail.hold_bed", "Hold and release beds"
    HOLD_BEYOND_LIMITS = "handrail.hold_beyond_limits", "Hold longer or more than the program's limits"
    DECIDE = "handrail.decide", "Decide on admission"
    ADMIT = "handrail.admit", "Admit a person"
    PLACE = "handrail.place", "Step down, transfer and discharge"
    BLOCK_BED = "handrail.block_bed", "Block a bed or send it to cleaning"
    ASSIGN_THERAPY = "handrail.assign_therapy", "Assign therapies"
    REFER = "handrail.refer", "Refer people and manage partners"
    RECORD_CONSENT = "handrail.record_consent", "Record and revoke consents"
    VIEW_ACCOUNTING = "handrail.view_accounting", "See disclosures and who read a record"
    VIEW_REPORTS = "handrail.view_reports", "See figures"
    VIEW_MESSAGES = "handrail.view_messages", "See outgoing messages"
    REASSIGN_WORK = "handrail.reassign_work", "Hand other people's promises on"
    CLOSE_ALERT = "handrail.close_alert", "Close an emergency alert"
    MANAGE_STAFF = "handrail.manage_staff", "Invite, change and deactivate staff"
    MANAGE_FACILITY = "handrail.manage_facility", "Change a facility, its programs and beds"


P = Permission
ROLE_PERMISSIONS = {
    Role.COORDINATOR: {
        P.VIEW_PEOPLE, P.LOG_CALL, P.EDIT_PEOPLE, P.HOLD_BED, P.ADMIT, P.REFER, P.RECORD_CONSENT, P.VIEW_MESSAGES,
    },
    Role.CLINICIAN: {
        P.VIEW_PEOPLE, P.LOG_CALL, P.EDIT_PEOPLE, P.HOLD_BED, P.DECIDE, P.ADMIT, P.PLACE, P.BLOCK_BED,
        P.ASSIGN_THERAPY, P.REFER, P.RECORD_CONSENT, P.VIEW_MESSAGES,
    },
    Role.MANAGER: {P.VIEW_PEOPLE, P.LOG_CALL, P.BLOCK_BED, P.VIEW_REPORTS, P.VIEW_MESSAGES, P.REASSIGN_WORK},
    Role.ADMIN: {P.MANAGE_STAFF, P.MANAGE_FACILITY},
}  # fmt: skip
FLAG_PERMISSIONS = {
    "is_supervisor": {P.HOLD_BEYOND_LIMITS, P.REASSIGN_WORK, P.CLOSE_ALERT},
    "is_privacy_officer": {P.VIEW_PEOPLE, P.VIEW_ACCOUNTING},
    "is_clinical_lead": {P.VIEW_PEOPLE, P.CLOSE_ALERT},
}
