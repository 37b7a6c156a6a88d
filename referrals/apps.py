from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    name = "referrals"

    def ready(self):
        from privacy import services as privacy
        from referrals import services, subjects
        from work import subjects as work_subjects

        privacy.when_revoked(services.consent_was_revoked)
        work_subjects.register("referral", subjects.resolve)
