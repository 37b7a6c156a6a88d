"""The one authentication backend: passwords through allauth, permissions from the one table."""

from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import Membership


class Staff(AuthenticationBackend):
    """Answers `has_perm` from the memberships in force; groups and superusers grant nothing."""

    def get_user(self, user_id):
        """The active user of a session with the memberships in force, in one query; None when deactivated."""
        memberships = list(Membership.objects.of_user(user_id))
        if not memberships:
            return super().get_user(user_id)
        user = memberships[0].user
        user.keep_memberships(memberships)
        return user if self.user_can_authenticate(user) else None

    def has_perm(self, user_obj, perm, obj=None):
        return user_obj.is_active and perm in user_obj.granted()

    def get_all_permissions(self, user_obj, obj=None):
        return user_obj.granted() if user_obj.is_active else set()

    def has_module_perms(self, user_obj, app_label):
        return app_label == "handrail" and user_obj.is_active
