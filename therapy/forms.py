"""What is typed to assign a therapy, to change it, and to end it."""

from django import forms
from django.core.exceptions import ValidationError

from core.times import parse_date
from programs.forms import grid
from therapy.models import Modality
from therapy.services import therapists


class DetailsForm(forms.Form):
    """With whom, how often, how long, from when, and what for."""

    therapist = forms.ModelChoiceField(queryset=None, empty_label="Choose a clinician")
    per_week = forms.IntegerField(label="Sessions a week", min_value=1, max_value=14, initial=2)
    planned_sessions = forms.IntegerField(label="Planned in all", min_value=1, max_value=400, initial=8)
    minutes = forms.IntegerField(label="Minutes each", min_value=10, max_value=480, initial=50)
    starts_on = forms.CharField(label="From", max_length=30, initial="today")
    goal = forms.CharField(
        label="Goal", max_length=300, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args, facility, **kwargs):
        super().__init__(*args, **kwargs)
        self.facility = facility
        self.fields["therapist"].queryset = therapists(facility)

    def clean_starts_on(self):
        try:
            day = parse_date(self.cleaned_data["starts_on"], self.facility.today())
        except ValueError as error:
            raise ValidationError(str(error)) from None
        if abs((day - self.facility.today()).days) > 730:
            raise ValidationError("That is more than two years away.")
        return day


class AssignForm(DetailsForm):
    """One therapy for a person in care."""

    modality = forms.ModelChoiceField(
        label="Therapy", queryset=Modality.objects.filter(is_active=True), widget=forms.RadioSelect, empty_label=None
    )

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        if self.fields["therapist"].queryset.filter(pk=user.pk).exists():
            self.fields["therapist"].initial = user.pk
        grid(
            self, "modality", ("therapist", "hr-c6"), ("starts_on", "hr-c6"), ("per_week", "hr-c4"),
            ("planned_sessions", "hr-c4"), ("minutes", "hr-c4"), "goal",
        )  # fmt: skip


class ChangeForm(DetailsForm):
    """Change an active therapy; the therapy itself stays what it is."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    def __init__(self, *args, assignment, **kwargs):
        on = assignment.starts_on
        initial = {name: getattr(assignment, name) for name in ("therapist", "per_week", "planned_sessions")}
        initial |= {"minutes": assignment.minutes, "goal": assignment.goal, "version": assignment.version}
        initial["starts_on"] = f"{on.month}/{on.day}/{on.year}"
        super().__init__(*args, facility=assignment.facility, initial=initial, **kwargs)
        grid(
            self, ("therapist", "hr-c6"), ("starts_on", "hr-c6"), ("per_week", "hr-c4"), ("planned_sessions", "hr-c4"),
            ("minutes", "hr-c4"), "goal", "version",
        )  # fmt: skip
