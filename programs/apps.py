from django.apps import AppConfig


class ProgramsConfig(AppConfig):
    name = "programs"

    def ready(self):
        from programs import reminders, subjects

        reminders.register()
        subjects.register()
