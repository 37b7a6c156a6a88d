"""What may be changed about a person, how to reach them, and who is around them."""

import hashlib
import uuid

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Layout
from django import forms
from django.utils import timezone

from accounts.models import valid_zone
from accounts.permissions import Permission
from admissions.forms.edits import VersionedEdit
from core.times import parse_date, parse_time
from people.models import ContactKind, ContactPoint, Person, Relation
from people.services import normal_value

NOT_ASKED, YES, NO = "", "yes", "no"
_THREE = [(NOT_ASKED, "Not asked"), (YES, "Yes"), (NO, "No")]


class YesNoNotAsked(forms.TypedChoiceField):
    """Three different answers: yes (True), no (False), not asked (None)."""

    def __init__(self, **kwargs):
        super().__init__(
            choices=_THREE,
            coerce={YES: True, NO: False}.get,
            empty_value=None,
            required=False,
            widget=forms.RadioSelect,
            **kwargs,
        )

    def prepare_value(self, value):
        return {True: YES, False: NO, None: NOT_ASKED}.get(value, value)

    def has_changed(self, initial, data):
        return self.prepare_value(initial) != (data or NOT_ASKED)


def plain_helper(*rows):
    helper = FormHelper()
    helper.form_tag = False
    helper.disable_csrf = True
    if rows:
        helper.layout = Layout(*rows)
    return helper


class PersonForm(VersionedEdit):
    """Who somebody is, as far as it is known; nothing is required, unknown stays unknown."""

    birth_on = forms.CharField(
        label="Birth date", max_length=30, required=False, help_text="As told: 7/9/81. Empty: not known."
    )
    needs_interpreter = YesNoNotAsked(label="Needs an interpreter")

    class Meta:
        model = Person
        fields = [
            "given_name", "family_name", "birth_on", "age_about", "sex", "pronouns", "language", "needs_interpreter",
            "zone",
        ]  # fmt: skip

    def __init__(self, *args, today, **kwargs):
        super().__init__(*args, **kwargs)
        self.today = today
        born_on = self.instance.birth_on
        self.initial["birth_on"] = f"{born_on.month}/{born_on.day}/{born_on.year}" if born_on else ""
        self.fields["age_about"].help_text = "While the birth date is not known."
        self.fields["age_about"].max_value = 120
        self.fields["zone"].help_text = "Such as America/Chicago. Empty: the facility’s."
        self.helper = plain_helper(
            "version",
            Div(
                Field("given_name", wrapper_class="hr-c6"),
                Field("family_name", wrapper_class="hr-c6"),
                Field("birth_on", wrapper_class="hr-c6 hr-m6"),
                Field("age_about", wrapper_class="hr-c6 hr-m6"),
                Field("pronouns", wrapper_class="hr-c6 hr-m6"),
                Field("sex", wrapper_class="hr-c6 hr-m6"),
                Field("language", wrapper_class="hr-c6 hr-m6"),
                Field("zone", wrapper_class="hr-c6 hr-m6"),
                Field("needs_interpreter", wrapper_class="hr-c12"),
                css_class="hr-fields",
            ),
        )

    def clean_birth_on(self):
        typed = self.cleaned_data["birth_on"].strip()
        if not typed:
            return None
        try:
            born_on = parse_date(typed, self.today, past=True)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        if born_on > self.today or born_on.year < 1900:
            raise forms.ValidationError("Nobody we could help was born on that day. Check the year.")
        return born_on

    def clean_age_about(self):
        age = self.cleaned_data["age_about"]
        if age is not None and age > 120:
            raise forms.ValidationError("Enter an age up to 120.")
        return age

    def clean_zone(self):
        zone = self.cleaned_data["zone"].strip()
        if zone:
            valid_zone(zone)
        return zone

    def written(self):
        # An age is worth something only together with the day it was told on.
        if "age_about" not in self.changed_data:
            return super().written()
        self.instance.age_told_on = None if self.instance.age_about is None else self.today
        return [*super().written(), "age_told_on"]


class ContactPointForm(forms.ModelForm):
    """One way to reach somebody and what they said yes to; `seen` says which state was looked at."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    ok_to_call = YesNoNotAsked(label="Ok to call")
    ok_to_voicemail = YesNoNotAsked(label="Ok to leave voicemail")
    ok_to_text = YesNoNotAsked(label="Ok to text")
    ok_to_email = YesNoNotAsked(label="Ok to email")
    best_from = forms.CharField(label="Best from", max_length=20, required=False)
    best_until = forms.CharField(label="Best until", max_length=20, required=False)
    is_wrong = forms.BooleanField(label="This is wrong: keep it, never use it", required=False)

    class Meta:
        model = ContactPoint
        labels = {"value": "Number, email or address", "label": "What it is", "is_preferred": "Preferred"}
        fields = [
            "kind", "value", "label", "ok_to_call", "ok_to_voicemail", "ok_to_text", "ok_to_email", "best_from",
            "best_until", "is_preferred", "is_shared",
        ]  # fmt: skip

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.theirs = []
        self.initial["seen"] = fingerprint(self.instance)
        self.initial["is_wrong"] = bool(self.instance.wrong_since)
        for name in ("best_from", "best_until"):
            time = getattr(self.instance, name)
            self.initial[name] = f"{time.hour}:{time.minute:02d}" if time else ""
        self.fields["kind"].choices = ContactKind.choices
        answers = ("ok_to_call", "ok_to_voicemail", "ok_to_text", "ok_to_email")
        self.helper = plain_helper(
            "seen",
            Div(
                Field("kind", wrapper_class="hr-c3"),
                Field("value", wrapper_class="hr-c5", autocomplete="off"),
                Field("label", wrapper_class="hr-c4"),
                *(Field(name, wrapper_class="hr-c6") for name in answers),
                Field("best_from", wrapper_class="hr-c3 hr-m6"),
                Field("best_until", wrapper_class="hr-c3 hr-m6"),
                Field("is_preferred", wrapper_class="hr-c12"),
                Field("is_shared", wrapper_class="hr-c12"),
                *([Field("is_wrong", wrapper_class="hr-c12")] if self.instance.person_id else []),
                css_class="hr-fields",
            ),
        )

    def _time(self, name):
        typed = self.cleaned_data[name].strip()
        try:
            return parse_time(typed) if typed else None
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_best_from(self):
        return self._time("best_from")

    def clean_best_until(self):
        return self._time("best_until")

    def clean(self):
        data = super().clean() or self.cleaned_data
        if "best_from" in data and "best_until" in data:
            begins, ends = data["best_from"], data["best_until"]
            if (begins is None) != (ends is None):
                self.add_error("best_until", "Give both times or neither.")
            elif begins is not None and begins >= ends:
                self.add_error("best_until", "The hours end before they begin.")
        if data.get("kind") and data.get("value") and not normal_value(data["kind"], data["value"]):
            self.add_error("value", "Write a number, an email address or where they can be found.")
        if data.get("kind") == ContactKind.EMAIL and data.get("value"):
            try:
                forms.fields.validators.validate_email(data["value"].strip())
            except forms.ValidationError as error:
                self.add_error("value", error)
        return data

    def answers(self):
        """The fields besides kind and value, ready to be written."""
        data = self.cleaned_data
        written = {name: data[name] for name in self._meta.fields if name not in ("kind", "value")}
        if self.instance.person_id:
            was = self.instance.wrong_since
            written["wrong_since"] = (was or timezone.now()) if data["is_wrong"] else None
        return written


def fingerprint(point):
    """A hash of everything a contact point says: another one means somebody else changed it."""
    said = [getattr(point, name) for name in (*ContactPointForm.Meta.fields, "wrong_since")]
    return hashlib.sha256(repr(said).encode()).hexdigest()


class RelationForm(forms.Form):
    """Who somebody is to the person: one we know already (`other`), or somebody new by name."""

    relation = forms.ChoiceField(
        label="Is the person’s",
        choices=[choice for choice in Relation.choices if choice[0] != Relation.SELF],
    )
    other = forms.CharField(required=False, max_length=36, widget=forms.HiddenInput)
    given_name = forms.CharField(label="First name", max_length=100, required=False)
    family_name = forms.CharField(label="Last name", max_length=100, required=False)
    phone = forms.CharField(label="Phone", max_length=40, required=False)
    is_emergency_contact = forms.BooleanField(label="Call in an emergency", required=False)
    may_sign = YesNoNotAsked(label="May sign for the person (a minor)")

    def __init__(self, *args, user, person, **kwargs):
        super().__init__(*args, **kwargs)
        self.user, self.person = user, person
        self.helper = plain_helper(
            Div(
                Field("relation", wrapper_class="hr-c12"),
                Field("given_name", wrapper_class="hr-c4"),
                Field("family_name", wrapper_class="hr-c4"),
                Field("phone", wrapper_class="hr-c4"),
                Field("is_emergency_contact", wrapper_class="hr-c12"),
                Field("may_sign", wrapper_class="hr-c12"),
                css_class="hr-fields",
            )
        )

    def clean_other(self):
        """The known person chosen, or None; one out of sight is as good as none."""
        typed = self.cleaned_data["other"]
        if not typed:
            return None
        try:
            pk = uuid.UUID(typed)
        except ValueError:
            raise forms.ValidationError("Choose somebody from the list.") from None
        other = Person.objects.visible_to(self.user, Permission.EDIT_PEOPLE).filter(pk=pk).first()
        if other is None:
            raise forms.ValidationError("Choose somebody from the list.")
        return other

    def clean(self):
        data = super().clean() or self.cleaned_data
        if not self.errors and data.get("other") is None and not (data.get("given_name") or data.get("family_name")):
            self.add_error("given_name", "Choose somebody we know, or write a name.")
        return data
