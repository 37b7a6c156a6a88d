"""What the live-call page accepts: three facts, and the rest when there is time."""

from typing import Any

from crispy_forms.helper import FormHelper
from django import forms

from accounts.models import User
from accounts.permissions import Permission
from admissions import spoken
from admissions.enums import CallOutcome, Danger, Route, SafetyAction, Setting, Source
from core.times import parse_date
from people.models import Relation
from people.services import tidy
from referrals.models import Partner

MOST_SUBSTANCES = 12
YES, NO = "yes", "no"
OK_TO = [("call", "Call"), ("text", "Text"), ("voicemail", "Voicemail"), ("email", "Email")]
HOUR, OPENING, OTHER = "hour", "opening", "other"
# "Unknown" first, then whom one hears most often.
RELATIONS = [
    (Relation.UNKNOWN, "Not asked yet"), (Relation.SELF, "The person"), (Relation.MOTHER, "Mother"),
    (Relation.FATHER, "Father"), (Relation.PARTNER, "Partner or spouse"), (Relation.SIBLING, "Brother or sister"),
    (Relation.CHILD, "Son or daughter"), (Relation.RELATIVE, "Other relative"), (Relation.FRIEND, "Friend"),
    (Relation.GUARDIAN, "Legal guardian"), (Relation.PROFESSIONAL, "Professional"), (Relation.OTHER, "Someone else"),
]  # fmt: skip
WAYS_IN = [
    (Route.NOT_ASKED, "Not asked"), (Route.INHALED, "Nose"), (Route.ORAL, "Drink or mouth"),
    (Route.SMOKED, "Smoke"), (Route.INJECTED, "Inject"), (Route.OTHER, "Other"), (Route.UNKNOWN, "Unknown"),
]  # fmt: skip
# Of a call that came in there was no voicemail to leave.
ENDED_IN = [
    (CallOutcome.REACHED, "We spoke"), (CallOutcome.ABANDONED, "Caller hung up"),
    (CallOutcome.DECLINED, "Did not want to talk"), (CallOutcome.WRONG_NUMBER, "Wrong number"),
]  # fmt: skip
SETTINGS = [
    (Setting.NOT_ASKED, "Not asked"), (Setting.RECREATIONAL, "Recreational"), (Setting.MEDICAL, "Medical"),
    (Setting.BOTH, "Both"), (Setting.UNKNOWN, "Unknown"),
]  # fmt: skip


class PlainChar(forms.CharField):
    """Text as typed, without NUL: a stray byte is no reason to lose a call."""

    def to_python(self, value):
        return super().to_python(value.replace("\x00", "") if isinstance(value, str) else value)


class CallForm(forms.Form):
    """One live call. Required are three facts: who called, about whom, how to reach them."""

    danger = forms.ChoiceField(choices=Danger, required=False, widget=forms.RadioSelect)
    reachable = forms.ChoiceField(choices=[(YES, "Yes"), (NO, "No")], required=False, widget=forms.RadioSelect)
    fear = forms.ChoiceField(choices=[(YES, "Yes"), (NO, "No")], required=False, widget=forms.RadioSelect)
    caller = PlainChar(label="Caller", max_length=200, required=False)
    withheld = forms.BooleanField(label="Withheld", required=False)
    relation = forms.ChoiceField(label="Is the person’s", choices=RELATIONS, required=False)
    reach = PlainChar(label="Reach the caller at", max_length=254, required=False)
    no_way = forms.BooleanField(label="No way given", required=False)
    first = PlainChar(label="Person who needs help", max_length=100, required=False)
    last = PlainChar(label="Last name", max_length=100, required=False)
    age = PlainChar(label="Age, about", max_length=20, required=False)
    ok = forms.MultipleChoiceField(
        label="Caller says yes to", choices=OK_TO, required=False, widget=forms.CheckboxSelectMultiple
    )
    words = PlainChar(
        label="In the caller’s words", max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    source = forms.ChoiceField(label="How they found us", choices=Source, required=False)
    partner = forms.ModelChoiceField(
        label="Which partner", queryset=Partner.objects.none(), required=False, empty_label="None"
    )
    birth = PlainChar(label="Birth date", max_length=40, required=False)
    notes = PlainChar(
        label="Note for the team", max_length=20_000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    promise = forms.ChoiceField(
        choices=[("", "None"), (HOUR, "In 1 hour"), (OPENING, "Next opening"), (OTHER, "Other")],
        required=False,
        widget=forms.RadioSelect,
    )
    promise_when = PlainChar(label="Day and time", max_length=40, required=False)
    promise_text = PlainChar(label="What is promised", max_length=300, required=False)
    promise_owner = forms.ModelChoiceField(
        label="Who calls", queryset=User.objects.none(), required=False, empty_label=None
    )
    outcome = forms.ChoiceField(choices=CallOutcome, required=False, widget=forms.RadioSelect)

    def __init__(self, *args, facility, user, at, caller=None, person=None, is_out=False, **kwargs):
        """`caller` and `person` are known persons this call was matched to; their names stay as they are."""
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        if not is_out:
            fields["outcome"].choices = ENDED_IN
        self.facility, self.user, self.at = facility, user, at
        self.known_caller, self.known_person = caller, person
        fields["partner"].queryset = Partner.objects.filter(organization__is_active=True).select_related(
            "organization"
        )
        fields["promise_owner"].queryset = staff_who_call(facility)
        # Read once: the widget would ask for its first choice and then for all of them.
        fields["promise_owner"].choices = [(one.pk, str(one)) for one in staff_who_call(facility)]
        self.fields["promise_owner"].initial = user.pk
        self.fields["relation"].initial = Relation.UNKNOWN
        for name, attrs in {
            "caller": {"autocomplete": "off"},
            "reach": {"autocomplete": "off", "inputmode": "tel", "placeholder": "Phone or email"},
            "first": {"autocomplete": "off"},
            "last": {"autocomplete": "off", "placeholder": "Not known yet"},
            "age": {"autocomplete": "off", "inputmode": "numeric"},
            "birth": {"autocomplete": "off", "placeholder": "7/9/81"},
            "promise_when": {"autocomplete": "off", "placeholder": "fri 2pm"},
            "promise_text": {"autocomplete": "off"},
        }.items():
            self.fields[name].widget.attrs |= attrs
        if caller is not None and caller.name != "No name yet":
            self.fields["caller"].widget.attrs["readonly"] = True
        if person is not None:
            for name, value in (("first", person.given_name), ("last", person.family_name)):
                if value:
                    self.fields[name].widget.attrs["readonly"] = True
        self.helper = FormHelper()
        self.helper.form_tag = False

    def clean_relation(self):
        return self.cleaned_data["relation"] or Relation.UNKNOWN

    def clean_source(self):
        return self.cleaned_data["source"] or Source.UNKNOWN

    def clean_age(self):
        text = self.cleaned_data["age"]
        digits = "".join(char for char in text if char.isdecimal())
        if not text:
            return None
        if not digits or len(digits) > 3 or int(digits) > 120:
            raise forms.ValidationError("Write a number of years; about is fine.")
        return int(digits)

    def clean_birth(self):
        text = self.cleaned_data["birth"]
        if not text:
            return None
        try:
            day = parse_date(text, self.facility.today(self.at), past=True)
        except ValueError as problem:
            raise forms.ValidationError(str(problem)) from None
        if not day.year >= 1900 or day > self.facility.today(self.at):
            raise forms.ValidationError("A birth date lies in the past.")
        return day

    def clean(self):
        data = super().clean() or {}
        for field, sentence in missing_facts(data, caller=self.known_caller, person=self.known_person).items():
            if field not in self.errors:
                self.add_error(field, sentence)
        if data.get("promise") == OTHER or data.get("promise_when"):
            try:
                spoken.promised(data.get("promise_when"), facility=self.facility, at=self.at)
            except (ValueError, OverflowError) as problem:
                self.add_error("promise_when", str(problem))
        return data

    def promised(self):
        """(date, time) on the facility's clock of what is promised, or None. For a valid form."""
        return promised_when(self.cleaned_data, facility=self.facility, at=self.at)


class SubstanceForm(forms.Form):
    """One substance as told; nothing is required, a row without a word is no substance."""

    name = PlainChar(label="Substance", max_length=80, required=False)
    route = forms.ChoiceField(label="How", choices=WAYS_IN, required=False)
    setting = forms.ChoiceField(label="Setting", choices=SETTINGS, required=False)
    amount = PlainChar(label="How much", max_length=80, required=False)
    last_use = PlainChar(label="Last use", max_length=80, required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs |= {"list": "substances", "autocomplete": "off"}
        for name, field in self.fields.items():
            is_choice = isinstance(field, forms.ChoiceField)
            field.widget.attrs["class"] = "form-select" if is_choice else "form-control"
            if name in ("amount", "last_use"):
                field.widget.attrs["autocomplete"] = "off"

    def clean_route(self):
        return self.cleaned_data["route"] or Route.NOT_ASKED

    def clean_setting(self):
        return self.cleaned_data["setting"] or Setting.NOT_ASKED

    @property
    def is_told(self):
        data = getattr(self, "cleaned_data", {})
        return bool(
            data.get("name") or data.get("amount") or data.get("last_use")
            or data.get("route", Route.NOT_ASKED) != Route.NOT_ASKED
            or data.get("setting", Setting.NOT_ASKED) != Setting.NOT_ASKED
        )  # fmt: skip


SubstanceRows = forms.formset_factory(
    SubstanceForm, extra=1, max_num=MOST_SUBSTANCES, absolute_max=5 * MOST_SUBSTANCES, validate_max=False
)


class ActionForm(forms.Form):
    """What was done about an emergency; a choice is required, the rest is for those who read it later."""

    action = forms.ChoiceField(
        choices=SafetyAction,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        error_messages={"required": "Choose what happened.", "invalid_choice": "Choose what happened."},
    )
    note = PlainChar(label="In your words", max_length=300, required=False)


def staff_who_call(facility):
    """Active members of staff who may call at `facility`, in the order of their names."""
    from accounts.models import Membership

    members = Membership.objects.current().granting(Permission.LOG_CALL).filter(facility=facility)
    return User.objects.filter(pk__in=members.values("user"), is_active=True).order_by("first_name", "last_name", "pk")


def missing_facts(data, *, caller=None, person=None):
    """{field: sentence} for each of the three facts that `data` (cleaned or as typed) does not hold yet."""
    has = {name: bool(tidy(str(data.get(name) or ""), 300)) for name in ("caller", "withheld", "reach", "no_way")}
    named = tidy(str(data.get("first") or ""), 100) or tidy(str(data.get("last") or ""), 100) or person
    relation = data.get("relation") or Relation.UNKNOWN
    is_self = relation == Relation.SELF
    missing = {}
    if not (has["caller"] or has["withheld"] or caller or (is_self and named)):
        missing["caller"] = "Write who called, or tick Withheld."
    if not (named or relation != Relation.UNKNOWN):
        missing["first"] = "Write about whom: a first name, or who the caller is to them."
    if not (has["reach"] or has["no_way"]):
        missing["reach"] = "Write a phone or an email, or tick No way given."
    return missing


def promised_when(data, *, facility, at):
    """(date, time) of the promise in `data`, or None. Raises ValueError for a time nobody can read."""
    kind = data.get("promise")
    if kind == HOUR:
        return spoken.in_one_hour(facility=facility, at=at)
    if kind == OPENING:
        return spoken.next_opening(facility=facility, at=at)
    if kind == OTHER or data.get("promise_when"):
        return spoken.promised(data.get("promise_when"), facility=facility, at=at)
    return None
