"""What staff type about staff, facilities and themselves."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Fieldset, Layout, Submit
from django import forms
from django.forms import inlineformset_factory

from accounts.models import Facility, Invitation, Membership, OpeningHours, Theme, User
from core.times import parse_time


class TypedTimeField(forms.CharField):
    """A time as people type it: 2pm, 930, 14:30."""

    def clean(self, value):
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_time(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def prepare_value(self, value):
        return value.strftime("%-I:%M %p").lower() if hasattr(value, "strftime") else value


def _helper(*layout, button):
    helper = FormHelper()
    helper.form_class = "hr-stack"
    helper.layout = Layout(*layout, Submit("save", button))
    return helper


class InviteForm(forms.ModelForm):
    """Who is invited to the facility in view, and as what."""

    class Meta:
        model = Invitation
        fields = [
            "first_name",
            "last_name",
            "email",
            "role",
            "is_supervisor",
            "is_privacy_officer",
            "is_clinical_lead",
        ]
        labels = {"is_supervisor": "Supervisor", "is_privacy_officer": "Privacy officer",
                  "is_clinical_lead": "Clinical lead"}  # fmt: skip

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "Work email"
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout(
            Div(Field("first_name", wrapper_class="hr-c6"), Field("last_name", wrapper_class="hr-c6"),
                Field("email", wrapper_class="hr-c6"), Field("role", wrapper_class="hr-c6"), css_class="hr-fields"),
            Fieldset("Also", "is_supervisor", "is_privacy_officer", "is_clinical_lead"),
        )  # fmt: skip


class MembershipForm(forms.ModelForm):
    """Role and flags of one member of staff at one facility."""

    class Meta:
        model = Membership
        fields = ["role", "is_supervisor", "is_privacy_officer", "is_clinical_lead"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = _helper("role", "is_supervisor", "is_privacy_officer", "is_clinical_lead", button="Save")


class AcceptForm(forms.Form):
    """The account an invited person makes."""

    username = forms.CharField(max_length=60, widget=forms.TextInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 15 characters. A sentence is easy to remember.",
    )
    again = forms.CharField(
        label="Password again", max_length=200, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = _helper("username", "password", "again", button="Make my account")

    def clean(self):
        given = super().clean()
        if given.get("password") and given.get("again") and given["password"] != given["again"]:
            self.add_error("again", "The two passwords differ. Type the same one twice.")
        return given


class FacilityForm(forms.ModelForm):
    """A facility's address, clock, and what leaves the building under which name."""

    quiet_from = TypedTimeField(label="No messages from", max_length=20)
    quiet_until = TypedTimeField(label="… until", max_length=20)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    class Meta:
        model = Facility
        fields = ["name", "street", "city", "state", "postal_code", "phone", "zone", "neutral_name", "neutral_phone",
                  "first_contact_goal_minutes", "promise_grace_minutes", "quiet_from", "quiet_until"]  # fmt: skip
        labels = {
            "neutral_name": "Sender's name in messages",
            "neutral_phone": "Telephone in messages",
            "first_contact_goal_minutes": "Goal: web inquiry to first call (minutes)",
            "promise_grace_minutes": "A promise counts as kept up to (minutes late)",
        }
        help_texts = {"neutral_name": "Must not suggest addiction care. It is all that a stranger would see."}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["version"] = self.instance.version
        narrow = {"wrapper_class": "hr-c4"}
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout(
            "version",
            Div(Field("name", wrapper_class="hr-c6"), Field("phone", wrapper_class="hr-c6"),
                Field("street", wrapper_class="hr-c6"), Field("city", wrapper_class="hr-c3"),
                Field("state", wrapper_class="hr-c3"), Field("postal_code", **narrow), Field("zone", **narrow),
                css_class="hr-fields"),
            Fieldset("What leaves the building",
                     Div(Field("neutral_name", wrapper_class="hr-c6"), Field("neutral_phone", wrapper_class="hr-c6"),
                         Field("quiet_from", wrapper_class="hr-c3"), Field("quiet_until", wrapper_class="hr-c3"),
                         css_class="hr-fields")),
            Fieldset("Goals", Div(Field("first_contact_goal_minutes", wrapper_class="hr-c6"),
                                  Field("promise_grace_minutes", wrapper_class="hr-c6"), css_class="hr-fields")),
        )  # fmt: skip


class OpeningHoursForm(forms.ModelForm):
    """One stretch of one weekday."""

    opens = TypedTimeField(max_length=20)
    closes = TypedTimeField(max_length=20)

    class Meta:
        model = OpeningHours
        fields = ["weekday", "opens", "closes"]

    def clean(self):
        given = super().clean()
        opens, closes = given.get("opens"), given.get("closes")
        if opens and closes and closes <= opens:
            self.add_error("closes", "Closing comes after opening. Past midnight, add a row for the next day.")
        return given


OpeningHoursFormSet = inlineformset_factory(
    Facility, OpeningHours, form=OpeningHoursForm, extra=1, can_delete=True, max_num=30, absolute_max=40
)


class ProfileForm(forms.ModelForm):
    """How a member of staff likes the product."""

    class Meta:
        model = User
        fields = ["theme", "has_letter_keys", "home_facility"]
        labels = {"has_letter_keys": "Single letters are keys (n logs a call, / searches)"}
        widgets = {"theme": forms.RadioSelect(attrs={"data-theme-choice": True}, choices=Theme.choices)}

    def __init__(self, *args, facilities, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["home_facility"].queryset = Facility.objects.filter(pk__in=[f.pk for f in facilities])
        self.fields["home_facility"].label = "Start at"
        self.helper = _helper("theme", "has_letter_keys", "home_facility", button="Save")
