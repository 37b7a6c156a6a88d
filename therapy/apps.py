from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TherapyConfig(AppConfig):
    name = "therapy"

    def ready(self):
        from therapy.modalities import make_first_five

        # After each migration, and after a test emptied the tables: a migration would run once only.
        post_migrate.connect(make_first_five, sender=self, dispatch_uid="therapy.first_five")
