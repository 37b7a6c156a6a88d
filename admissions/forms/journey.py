"""What is typed to hold a bed, decide, admit, move on and discharge. The rules are in `admissions/journey.py`."""

import datetime as dt

from django import forms
from django.utils import timezone

from accounts.permissions import Permission
from admissions.enums import OPEN_STAGES, DecisionOutcome
from admissions.journey import Fate
from admissions.models import Inquiry
from programs.enums import DischargeType
from programs.forms import LastsField, as_instant, grid
from programs.models import Bed, Program
from therapy.services import therapists
from work.forms import WhenForm

INQUIRIES_TO_CHOOSE = 100
MOST_DAYS = 730


class HoldForm(forms.Form):
    """Which bed, how long, and why. `offers` are drawn by the page; any bed in sight may be named."""

    bed = forms.ModelChoiceField(queryset=Bed.objects.none(), error_messages={"required": "Choose a bed."})
    reason = forms.CharField(
        label="Why", max_length=200, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args, user, minutes, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["bed"].queryset = (
            Bed.objects.visible_to(user, Permission.HOLD_BED).in_use().select_related("unit__program__facility")
        )
        self.fields["lasts"] = LastsField(minutes=minutes, label="Hold it for")
        self.fields["reason"].widget.attrs["placeholder"] = "on the line with her mother"
        grid(self, "lasts", "reason")

    @property
    def until(self):
        return timezone.now() + dt.timedelta(minutes=self.cleaned_data["lasts"])


class HoldBedForm(forms.Form):
    """For whom a bed chosen on the board is held."""

    inquiry = forms.ModelChoiceField(queryset=Inquiry.objects.none(), label="For", empty_label="Choose who it is for")
    reason = forms.CharField(
        label="Why", max_length=200, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args, user, bed, **kwargs):
        super().__init__(*args, **kwargs)
        inquiries = open_inquiries(user, bed.unit.program.facility)
        # Any of them may be named; the newest hundred are there to choose.
        self.shown = list(inquiries[:INQUIRIES_TO_CHOOSE])
        self.fields["inquiry"].queryset = inquiries
        words = [(str(row.pk), f"{row.person}, {row.get_stage_display().lower()}") for row in self.shown]
        self.fields["inquiry"].widget.choices = [("", "Choose who it is for"), *words]
        self.fields["lasts"] = LastsField(minutes=bed.unit.program.hold_minutes, label="Hold it for")
        grid(self, "inquiry", "lasts", "reason")

    @property
    def until(self):
        return timezone.now() + dt.timedelta(minutes=self.cleaned_data["lasts"])


class DecideForm(forms.Form):
    """Accepted for a program, declined, or a question first; always with a reason."""

    outcome = forms.ChoiceField(label="Decision", choices=DecisionOutcome.choices, widget=forms.RadioSelect)
    program = forms.ModelChoiceField(
        queryset=Program.objects.none(), label="Accepted for", required=False, empty_label="Choose the program"
    )
    reason = forms.CharField(
        label="Because", max_length=300, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What was heard and weighed, or what is still to be found out.",
    )  # fmt: skip

    def __init__(self, *args, user, inquiry, **kwargs):
        super().__init__(*args, **kwargs)
        programs = Program.objects.visible_to(user, Permission.DECIDE).filter(is_active=True)
        self.fields["program"].queryset = programs.select_related("facility").order_by(
            "facility__name", "position", "name"
        )
        self.fields["program"].label_from_instance = lambda program: (
            f"{program}, {program.get_category_display()}"
            if program.facility_id == inquiry.facility_id
            else f"{program}, {program.get_category_display()}, at {program.facility}"
        )
        grid(self, "outcome", "program", "reason")

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("outcome") == DecisionOutcome.ACCEPTED and not cleaned.get("program") and not self.errors:
            self.add_error("program", "Choose the program that takes the person.")
        return cleaned


class HappenedForm(WhenForm):
    """When it happened, on the facility's clock; now when both are left empty."""

    is_when_required = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        now = timezone.localtime(timezone.now(), self.facility.time_zone)
        self.fields["on"].initial = ""
        self.fields["on"].widget.attrs["placeholder"] = "today"
        self.fields["time"].widget.attrs["placeholder"] = f"now, {now.hour % 12 or 12}:{now:%M %p}".lower()

    def clean(self):
        cleaned = super().clean()
        on, time = cleaned.get("on"), cleaned.get("time")
        if on and not time and "time" not in self.errors:
            self.add_error("time", "Give the time too, or leave both empty for now.")
        cleaned["at"] = as_instant(self, on or self.facility.today(), time) if time else None
        return cleaned


class AdmitForm(HappenedForm):
    """Into which bed, when, for how long."""

    bed = forms.ModelChoiceField(queryset=Bed.objects.none(), error_messages={"required": "Choose a bed."})
    planned_days = forms.IntegerField(label="Planned days", min_value=1, max_value=MOST_DAYS, required=False)
    hold = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args, user, hold, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["hold"].initial = hold and hold.pk
        self.fields["bed"].initial = hold and hold.use.bed_id
        self.fields["bed"].queryset = (
            Bed.objects.visible_to(user, Permission.ADMIT).in_use().select_related("unit__program__facility")
        )
        self.fields["on"].label, self.fields["time"].label = "Arrived on", "At"
        self.fields["planned_days"].widget.attrs["placeholder"] = "as the program says"
        grid(self, ("on", "hr-c4 hr-m6"), ("time", "hr-c4 hr-m6"), ("planned_days", "hr-c4"), "hold")

    def forget_hold(self):
        """Ask no more for the hold the page showed."""
        self.data = self.data.copy()
        self.data["hold"] = ""


class StepDownForm(HappenedForm):
    """Where to, when, and what becomes of each therapy: one select and one line of words a therapy."""

    bed = forms.ModelChoiceField(queryset=Bed.objects.none(), label="Bed", empty_label="Choose a bed")
    planned_days = forms.IntegerField(label="Planned days", min_value=1, max_value=MOST_DAYS, required=False)
    reason = forms.CharField(
        label="Why", max_length=200, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    cleaning = forms.BooleanField(label="Send the bed they leave to cleaning", required=False, initial=True)
    placement = forms.UUIDField(widget=forms.HiddenInput)

    CARRY, END = "carry", "end"

    def __init__(self, *args, user, stay, placement, assignments, offers, to, **kwargs):
        super().__init__(*args, facility=stay.facility, **kwargs)
        self.assignments = assignments
        beds = Bed.objects.visible_to(user, Permission.PLACE).in_use().select_related("unit__program__facility")
        self.fields["bed"].queryset = beds
        self.fields["bed"].widget.choices = _grouped(offers, home=stay.facility_id)
        self.fields["bed"].initial = to and to.pk
        self.fields["placement"].initial = placement.pk
        self.fields["planned_days"].widget.attrs["placeholder"] = "as the program says"
        staff = list(therapists(to.unit.program.facility if to else stay.facility))
        known = {person.pk for person in staff}
        self.fates = []
        for row in assignments:
            can_stay = row.therapist_id in known
            choices = [("", "Decide…")]
            if can_stay:
                choices.append((self.CARRY, f"Goes along, with {row.therapist}"))
            others = [person for person in staff if person.pk != row.therapist_id]
            choices += [(f"to-{person.pk}", f"Goes along, to {person}") for person in others]
            choices.append((self.END, "Ends here"))
            fate = forms.ChoiceField(
                label=f"{row.modality}: what becomes of it", choices=choices, required=False,
                initial=self.CARRY if can_stay else "",
            )  # fmt: skip
            why = forms.CharField(label=f"{row.modality}: why it ends", max_length=200, required=False)
            why.widget.attrs |= {"placeholder": "why it ends", "autocomplete": "off"}
            self.fields[f"fate-{row.pk}"], self.fields[f"why-{row.pk}"] = fate, why
            self.fates.append((row, self[f"fate-{row.pk}"], self[f"why-{row.pk}"]))
        self._staff = {f"to-{person.pk}": person for person in staff}

    def clean(self):
        cleaned = super().clean()
        cleaned["carry"] = []
        for row in self.assignments:
            fate, why = cleaned.get(f"fate-{row.pk}", ""), cleaned.get(f"why-{row.pk}", "")
            if not fate and f"fate-{row.pk}" not in self.errors:
                self.add_error(f"fate-{row.pk}", "Decide: it goes along, to whom, or it ends.")
            elif fate == self.END and not why:
                self.add_error(f"why-{row.pk}", "Say why it ends.")
            elif fate == self.END:
                cleaned["carry"].append(Fate(row, ends_because=why))
            elif fate:
                cleaned["carry"].append(Fate(row, therapist=self._staff.get(fate)))
        return cleaned


class DischargeForm(HappenedForm):
    """How the stay ended, where the person goes, and what the next one on duty should know."""

    type = forms.ChoiceField(label="How it ended", choices=DischargeType.choices, widget=forms.RadioSelect)
    destination = forms.CharField(label="Goes to", max_length=200, required=False)
    note = forms.CharField(label="Note", max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    cleaning = forms.BooleanField(label="Send the bed to cleaning", required=False, initial=True)
    placement = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args, placement, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["placement"].initial = placement.pk
        self.fields["destination"].widget.attrs |= {"placeholder": "home, with her sister", "autocomplete": "off"}
        self.fields["on"].label, self.fields["time"].label = "Left on", "At"
        layout = ["type", ("on", "hr-c6 hr-m6"), ("time", "hr-c6 hr-m6"), "destination", "note"]
        grid(self, *layout, "cleaning", "placement")


def open_inquiries(user, facility):
    """Open inquiries of `facility` that a bed may be held for, newest first."""
    return (
        Inquiry.objects.visible_to(user, Permission.HOLD_BED)
        .filter(facility=facility, stage__in=OPEN_STAGES, is_suspect=False)
        .select_related("person")
        .order_by("-opened_at", "-pk")
    )


def _grouped(offers, *, home):
    """Options by program for a select, those at another facility with its name."""
    groups = {}
    for offer in offers:
        program = offer.program
        words = str(program) if program.facility_id == home else f"{program}, at {program.facility}"
        groups.setdefault(words, []).append((str(offer.bed.pk), f"{offer.bed}, {offer.bed.unit}"))
    return [("", "Choose a bed"), *groups.items()]
