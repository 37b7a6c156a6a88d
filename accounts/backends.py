"""The one authentication backend: passwords through allauth, permissions from the one table."""

from allauth.account.auth_backends import AuthenticationBackend


class Staff(AuthenticationBackend):
    """Answers `has_perm` from the memberships in force; groups and superusers grant nothing."""

    def has_perm(self, user_obj, perm, obj=None):
        return user_obj.is_active and perm in user_obj.granted()

    def get_all_permissions(self, user_obj, obj=None):
        return user_obj.granted() if user_obj.is_active else set()

    def has_module_perms(self, user_obj, app_label):
        return app_label == "handrail" and user_obj.is_active
