"""What we accept for a promise: words, a day and a time as people type them."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Layout
from django import forms
from django.utils import timezone

from accounts.models import Membership, User
from accounts.permissions import Permission
from core.times import parse_date, parse_time


class WhenForm(forms.Form):
    """A day and a time on `facility`'s wall clock: "tomorrow", "fri", "11/24" and "9", "2pm", "1430"."""

    on = forms.CharField(label="Day", max_length=30, initial="today")
    time = forms.CharField(label="Time", max_length=20, widget=forms.TextInput(attrs={"placeholder": "2pm"}))

    is_when_required = True

    def __init__(self, *args, facility, **kwargs):
        super().__init__(*args, **kwargs)
        self.facility = facility
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        for name in ("on", "time"):
            self.fields[name].required = self.is_when_required
            self.fields[name].widget.attrs["autocomplete"] = "off"

    def clean_on(self):
        typed = self.cleaned_data["on"]
        return self._parsed(parse_date, typed, self.facility.today(timezone.now())) if typed else None

    def clean_time(self):
        typed = self.cleaned_data["time"]
        return self._parsed(parse_time, typed) if typed else None

    @staticmethod
    def _parsed(parse, *given):
        try:
            return parse(*given)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class PromiseForm(WhenForm):
    """A new promise: what, on which day, at what time."""

    text = forms.CharField(
        label="What was promised", max_length=300, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    field_order = ["text", "on", "time"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper.layout = Layout(
            Div(
                Field("text", autofocus=True, wrapper_class="hr-c12"),
                Field("on", wrapper_class="hr-c6 hr-m6"),
                Field("time", wrapper_class="hr-c6 hr-m6"),
                css_class="hr-fields",
            )
        )


class MoveForm(WhenForm):
    """Another time for an open promise, and why."""

    reason = forms.CharField(
        label="Because", max_length=200, widget=forms.TextInput(attrs={"placeholder": "she asked for the afternoon"})
    )

    field_order = ["on", "time", "reason"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper.layout = Layout(
            Div(
                Field("on", autofocus=True, wrapper_class="hr-c6 hr-m6"),
                Field("time", wrapper_class="hr-c6 hr-m6"),
                Field("reason", wrapper_class="hr-c12"),
                css_class="hr-fields",
            )
        )


class HandOverForm(forms.Form):
    """Which colleague keeps this promise now: staff who see people at its facility."""

    to = forms.ModelChoiceField(label="To", queryset=User.objects.none(), empty_label="Choose a colleague")

    def __init__(self, *args, task, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = colleagues(task.facility).exclude(pk=task.owner_id)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True


def names_of_colleagues(facility):
    """(id, name) of the same staff for a filter, as strings: one plain query, no models."""
    there = Membership.objects.current().granting(Permission.VIEW_PEOPLE)
    rows = there.filter(facility=facility, user__is_active=True).order_by("user__last_name", "user__first_name")
    named = rows.values_list("user_id", "user__first_name", "user__last_name", "user__username")
    return list({str(pk): f"{first} {last}".strip() or username for pk, first, last, username in named}.items())


def colleagues(facility):
    """Active staff who see people at `facility` now, in alphabetical order."""
    there = Membership.objects.current().granting(Permission.VIEW_PEOPLE).filter(facility=facility)
    return User.objects.filter(is_active=True, pk__in=there.values("user")).order_by("last_name", "first_name", "pk")
