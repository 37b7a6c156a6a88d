"""What staff type about programs, beds, holds, blocks and appointments."""

import re

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Layout
from django import forms
from django.core.exceptions import ValidationError

from core.times import instant
from people.models import ContactPoint
from programs import services
from programs.enums import AppointmentKind, BedKind, UseKind
from programs.models import Bed, Program, Unit
from work.forms import WhenForm, colleagues

HOURS = 60
# Minutes → words. The longer ones are for supervisors; the service says so to everybody else.
LASTS = {
    30: "30 min",
    1 * HOURS: "1 hour",
    2 * HOURS: "2 hours",
    4 * HOURS: "4 hours",
    12 * HOURS: "12 hours",
    24 * HOURS: "24 hours",
    48 * HOURS: "48 hours",
}
MOST_BEDS_AT_ONCE = 60
_RANGE = re.compile(r"^(?P<head>.*?)(?P<first>\d{1,4})\s*(?:to|-|–|…|\.\.+)\s*(?P<head2>.*?)(?P<last>\d{1,4})$")


def grid(form, *fields):
    """Lay `fields` (name, or (name, grid class)) out in our twelve columns; the page draws form and buttons."""
    form.helper = FormHelper()
    form.helper.form_tag = False
    form.helper.disable_csrf = True
    rows = [(name, "hr-c12") if isinstance(name, str) else name for name in fields]
    form.helper.layout = Layout(Div(*[Field(name, wrapper_class=css) for name, css in rows], css_class="hr-fields"))


class LastsField(forms.TypedChoiceField):
    """How long a bed is held, in minutes, as buttons; the program's own default is among them."""

    def __init__(self, *, minutes, **kwargs):
        choices = dict(LASTS) | ({} if minutes in LASTS else {minutes: f"{minutes} min"})
        super().__init__(
            choices=sorted(choices.items()), coerce=int, initial=minutes, widget=forms.RadioSelect, **kwargs
        )


class ExtendForm(forms.Form):
    """Hold it longer: so long from now."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    def __init__(self, *args, hold, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["lasts"] = LastsField(minutes=hold.use.bed.unit.program.hold_minutes, label="From now, for")
        self.fields["version"].initial = hold.version
        grid(self, "lasts", "version")


class ReasonForm(forms.Form):
    """Why, in a few words."""

    reason = forms.CharField(label="Why", max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        grid(self, "reason")


class BlockForm(WhenForm):
    """Take a bed out of use: what for, why, and when it is expected back."""

    is_when_required = False

    kind = forms.ChoiceField(
        label="What for",
        choices=[(UseKind.CLEANING.value, "Cleaning"), (UseKind.BLOCK.value, "Blocked")],
        initial=UseKind.BLOCK.value,
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label="Why", max_length=200, widget=forms.TextInput(attrs={"placeholder": "plumbing", "autocomplete": "off"})
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["on"].label, self.fields["time"].label = "Back on", "At"
        self.fields["on"].initial = ""
        self.fields["on"].help_text = "Leave both empty if nobody knows."
        grid(self, "kind", "reason", ("on", "hr-c6 hr-m6"), ("time", "hr-c6 hr-m6"))

    def clean(self):
        cleaned = super().clean()
        on, time = cleaned.get("on"), cleaned.get("time")
        if bool(on) != bool(time) and not self.errors:
            self.add_error("time" if on else "on", "Give both, or neither.")
        cleaned["until"] = as_instant(self, on, time) if on and time else None
        return cleaned


class ProgramForm(forms.ModelForm):
    """A program: its level of care with the edition of the code, and its hold limits."""

    class Meta:
        model = Program
        fields = [
            "name", "category", "level_edition", "level_code", "planned_days", "weekly_hours", "hold_minutes",
            "hold_max_minutes", "holds_each", "position", "is_active",
        ]  # fmt: skip
        labels = {"position": "Place on the board (small numbers first)", "is_active": "Takes people"}

    version = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=2**31 - 1)

    def __init__(self, *args, facility, **kwargs):
        super().__init__(*args, **kwargs)
        self.instance.facility = facility
        self.fields["version"].initial = self.instance.version
        grid(
            self, ("name", "hr-c6"), ("category", "hr-c6"), ("level_edition", "hr-c6 hr-m6"),
            ("level_code", "hr-c6 hr-m6"), ("planned_days", "hr-c6 hr-m6"), ("weekly_hours", "hr-c6 hr-m6"),
            ("hold_minutes", "hr-c4"), ("hold_max_minutes", "hr-c4"), ("holds_each", "hr-c4"),
            ("position", "hr-c6"), ("is_active", "hr-c6 align-self-end"), "version",
        )  # fmt: skip

    def clean_name(self):
        name = self.cleaned_data["name"]
        same = Program.objects.filter(facility=self.instance.facility, name__iexact=name).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError("There is a program of this name here already.")
        return name

    def clean(self):
        cleaned = super().clean()
        if bool(cleaned.get("level_code")) != bool(cleaned.get("level_edition")):
            self.add_error("level_code", "A level code means something only together with its edition.")
        shortest, longest = cleaned.get("hold_minutes"), cleaned.get("hold_max_minutes")
        if shortest and longest and longest < shortest:
            self.add_error("hold_max_minutes", "The longest hold is at least as long as the usual one.")
        return cleaned


class UnitForm(forms.ModelForm):
    """A part of a program, and whom it takes."""

    class Meta:
        model = Unit
        fields = ["name", "taken_by", "position"]
        labels = {"position": "Place in the program (small numbers first)"}

    def __init__(self, *args, program, **kwargs):
        super().__init__(*args, **kwargs)
        self.instance.program = program
        grid(self, ("name", "hr-c6"), ("taken_by", "hr-c6"), ("position", "hr-c6"))

    def clean_name(self):
        name = self.cleaned_data["name"]
        same = Unit.objects.filter(program=self.instance.program, name__iexact=name).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError("There is a unit of this name in the program already.")
        return name


class BedsForm(forms.Form):
    """Several beds at once: "D-01 to D-08, D-11"."""

    codes = forms.CharField(
        label="Beds", max_length=300, help_text="One, several with commas, or a row: D-01 to D-08.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "D-01 to D-08"}),
    )  # fmt: skip
    kind = forms.ChoiceField(label="Kind", choices=BedKind.choices, widget=forms.RadioSelect)
    is_step_free = forms.BooleanField(label="Ground floor or elevator", required=False)

    def __init__(self, *args, unit, **kwargs):
        super().__init__(*args, **kwargs)
        self.unit = unit
        self.fields["kind"].initial = BedKind.BED if unit.program.has_beds else BedKind.SEAT
        grid(self, "codes", "kind", "is_step_free")

    def clean_codes(self):
        codes = list(dict.fromkeys(code for part in self.cleaned_data["codes"].split(",") for code in codes_of(part)))
        if not codes:
            raise ValidationError("Write at least one, such as D-01.")
        if len(codes) > MOST_BEDS_AT_ONCE:
            raise ValidationError(f"At most {MOST_BEDS_AT_ONCE} at once.")
        if too_long := [code for code in codes if len(code) > 20]:
            raise ValidationError(f"{too_long[0]} is longer than 20 characters.")
        there = Bed.objects.filter(unit=self.unit, code__in=codes).values_list("code", flat=True)
        if there:
            raise ValidationError(f"There already: {', '.join(sorted(there))}.")
        return codes


class BedForm(forms.ModelForm):
    """What one bed is. Whether it is free to be switched off is the service's question."""

    class Meta:
        model = Bed
        fields = ["code", "room", "is_step_free", "is_active"]
        labels = {"is_active": "In use"}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        grid(self, ("code", "hr-c6"), ("room", "hr-c6"), "is_step_free", "is_active")

    def clean_code(self):
        code = self.cleaned_data["code"]
        if Bed.objects.filter(unit=self.instance.unit, code=code).exclude(pk=self.instance.pk).exists():
            raise ValidationError("There is a bed of this code in the unit already.")
        return code


class AppointmentForm(WhenForm):
    """What a person is expected for, when, with whom, and where they are reminded."""

    kind = forms.ChoiceField(label="For", choices=AppointmentKind.choices)
    minutes = forms.IntegerField(label="Minutes", min_value=5, max_value=480, initial=60)
    place = forms.CharField(label="Where", max_length=120, required=False)
    with_user = forms.ModelChoiceField(label="With", queryset=None, required=False, empty_label="Not said yet")
    remind_at = forms.ModelChoiceField(
        label="Remind by", queryset=ContactPoint.objects.none(), required=False, empty_label="No reminder"
    )

    field_order = ["kind", "on", "time", "minutes", "with_user", "place", "remind_at"]

    def __init__(self, *args, facility, person, **kwargs):
        super().__init__(*args, facility=facility, **kwargs)
        self.fields["with_user"].queryset = colleagues(facility)
        self.fields["remind_at"].queryset = services.reachable_by_email(person)
        self.fields["remind_at"].label_from_instance = lambda point: point.value
        self.fields[
            "remind_at"
        ].help_text = "The day before, in neutral words. Only addresses the person agreed to are here."
        grid(
            self, "kind", ("on", "hr-c4 hr-m6"), ("time", "hr-c4 hr-m6"), ("minutes", "hr-c4"), ("with_user", "hr-c6"),
            ("place", "hr-c6"), "remind_at",
        )  # fmt: skip


class MoveAppointmentForm(WhenForm):
    """Another day and time for an appointment."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    def __init__(self, *args, appointment, **kwargs):
        super().__init__(*args, facility=appointment.facility, **kwargs)
        self.fields["version"].initial = appointment.version
        self.fields["on"].initial = f"{appointment.on.month}/{appointment.on.day}/{appointment.on.year}"
        self.fields["time"].initial = f"{appointment.time:%H:%M}"
        grid(self, ("on", "hr-c6 hr-m6"), ("time", "hr-c6 hr-m6"), "version")


def codes_of(text):
    """Bed codes in one part of a list: "D-01 to D-03" → D-01, D-02, D-03; the width of the first number is kept."""
    text = " ".join(text.split())
    if not text:
        return []
    match = _RANGE.match(text)
    if not match or (match["head2"] and match["head2"] != match["head"]):
        return [text]
    first, last, width = int(match["first"]), int(match["last"]), len(match["first"])
    if last < first:
        return [text]
    # One more than is allowed at once is enough to say that it is too many.
    return [f"{match['head']}{n:0{width}d}" for n in range(first, min(last, first + MOST_BEDS_AT_ONCE) + 1)]


def as_instant(form, on, time):
    """The instant of a day and time on the form's facility's clock, or an error next to the day."""
    try:
        return instant(on, time, form.facility.zone)
    except (OverflowError, ValueError):
        form.add_error("on", "That day is out of reach.")
        return None
