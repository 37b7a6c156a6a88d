from django.apps import AppConfig


class AdmissionsConfig(AppConfig):
    name = "admissions"

    def ready(self):
        from admissions import reminders, safety, subjects

        reminders.register()
        subjects.register()
        safety.register()
