"""The five therapies every installation begins with; an administrator may rename them and add more."""

from django.apps import apps as current_apps

# code, name, whether sessions need a consent that names the family members (42 CFR 2.31)
FIRST_FIVE = [
    ("cbt", "Cognitive behavioral therapy (CBT)", False),
    ("dbt", "Dialectical behavior therapy (DBT)", False),
    ("group", "Group therapy", False),
    ("family", "Family therapy", True),
    ("mi", "Motivational interviewing (MI)", False),
]


def make_first_five(*, using="default", apps=current_apps, **_):
    """Make those that are missing, by code; what somebody changed stays as they left it."""
    try:
        modality = apps.get_model("therapy", "Modality")
    except LookupError:  # migrated back to nothing
        return
    modality.objects.using(using).bulk_create(
        [
            modality(code=code, name=name, needs_family_consent=family, position=10 * number)
            for number, (code, name, family) in enumerate(FIRST_FIVE, 1)
        ],
        ignore_conflicts=True,
    )
