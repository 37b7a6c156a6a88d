"""Access matrix of accounts and of signing in."""

from accounts.permissions import Permission as P
from tests.access import PUBLIC, SIGNED_IN, Row

NO_TOKEN = {"token": "unknown-token"}

ROWS = {
    "healthz": Row(PUBLIC),
    "accounts:profile": Row(SIGNED_IN, ("get", "post")),
    "accounts:stay": Row(SIGNED_IN, ("post",)),
    "accounts:switch_facility": Row(SIGNED_IN, ("post",), data=lambda w: {"facility": w.facility.pk}),
    "accounts:staff": Row(P.MANAGE_STAFF),
    "accounts:invite": Row(P.MANAGE_STAFF, ("get", "post")),
    "accounts:invited": Row(P.MANAGE_STAFF, args=lambda w: {"public_id": w.invitation.public_id}),
    "accounts:member": Row(P.MANAGE_STAFF, ("get", "post"), args=lambda w: {"pk": w.membership.pk}),
    "accounts:end_membership": Row(P.MANAGE_STAFF, ("post",), args=lambda w: {"pk": w.membership.pk}),
    "accounts:accept": Row(PUBLIC, ("get", "post"), args=lambda w: NO_TOKEN),
    "accounts:facility": Row(P.MANAGE_FACILITY, ("get", "post")),
    # allauth's own pages hold nothing but the signed-in person's account; it decides its methods.
    "account_login": Row(PUBLIC, ()),
    "account_logout": Row(PUBLIC, ()),
    "account_signup": Row(PUBLIC, ()),
    "account_reset_password": Row(PUBLIC, ()),
    "account_reset_password_done": Row(PUBLIC, ()),
    "account_reset_password_from_key": Row(PUBLIC, (), args=lambda w: {"uidb36": "1", "key": "none"}),
    "account_reset_password_from_key_done": Row(PUBLIC, ()),
    "account_inactive": Row(PUBLIC, ()),
    "account_email_verification_sent": Row(PUBLIC, ()),
    "account_confirm_email": Row(PUBLIC, (), args=lambda w: {"key": "none"}),
    "account_set_password": Row(SIGNED_IN, ()),
    "account_email": Row(SIGNED_IN, ()),
    "account_confirm_login_code": Row(PUBLIC, ()),
    "account_reauthenticate": Row(SIGNED_IN, ()),
    "account_change_password": Row(SIGNED_IN, ()),
    "mfa_authenticate": Row(PUBLIC, ()),
    "mfa_reauthenticate": Row(SIGNED_IN, ()),
    "mfa_index": Row(SIGNED_IN, ()),
    "mfa_activate_totp": Row(SIGNED_IN, ()),
    "mfa_deactivate_totp": Row(SIGNED_IN, ()),
    "mfa_view_recovery_codes": Row(SIGNED_IN, ()),
    "mfa_generate_recovery_codes": Row(SIGNED_IN, ()),
    "mfa_download_recovery_codes": Row(SIGNED_IN, ()),
}
