"""What staff copy from a signed consent, element by element, and how one is taken back."""

import datetime as dt

from crispy_forms.helper import FormHelper
from crispy_forms.layout import HTML, Div, Field, Fieldset, Layout
from django import forms

from core.times import instant, parse_date, parse_time
from people.models import Organization, Person
from privacy import notices, rules
from privacy.enums import ConsentKind, ContentClass, Purpose, SignatureHow, SignerRole
from privacy.models import Consent

NAMED_ORGANIZATIONS = 3
COURT_KINDS = {ConsentKind.PROCEEDINGS, ConsentKind.CRIMINAL_JUSTICE}


class TypedDateField(forms.CharField):
    """A date as people type it: 7/9/26, Jul 9, yesterday. Give `today`; `past` for days gone by."""

    def __init__(self, *, today=None, past=False, **kwargs):
        super().__init__(max_length=40, **kwargs)
        self.today, self.past = today, past

    def clean(self, value):
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_date(text, self.today, past=self.past)
        except (ValueError, OverflowError):
            raise forms.ValidationError("Enter a date such as 7/9/26 or Jul 9.") from None


class TypedTimeField(forms.CharField):
    """A time of day as people type it: 2pm, 930, 14:30."""

    def clean(self, value):
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_time(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class ConsentForm(forms.Form):
    """A signed consent of one kind: each field is one element of 42 CFR 2.31(a), copied from the paper or the screen.

    Domain objects: `person`, `facility`, `kind` (a ConsentKind), `relatives` (Persons), `current` (Consents in
    force that it may replace), `now` (aware). Nothing that means yes is ticked beforehand. `elements()` are the
    keywords of `privacy.services.record_consent`.
    """

    kind = forms.CharField(widget=forms.HiddenInput)
    discloser = forms.CharField(label="Name or kind of staff", max_length=200, help_text="As the form says.")
    classes = forms.MultipleChoiceField(label="Kinds of information", widget=forms.CheckboxSelectMultiple)
    what = forms.CharField(
        label="In the words of the form",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=2000,
        help_text="Specific and meaningful. “All records” is too wide.",
    )
    relatives = forms.ModelMultipleChoiceField(
        label="People close to the person", queryset=Person.objects.none(), required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    recipient_class = forms.CharField(
        label="Class of recipients",
        max_length=300,
        help_text=f"The rule itself accepts: “{notices.TPO_RECIPIENTS}”.",
    )
    purposes = forms.MultipleChoiceField(label="Purposes", widget=forms.CheckboxSelectMultiple)
    states_revocation = forms.BooleanField(
        label="The form says that it can be taken back in writing, except where it was already relied on.",
    )
    revocation_how = forms.CharField(
        label="How to take it back, as the form says",
        max_length=300,
        help_text="For example: in writing to the office.",
    )
    states_redisclosure = forms.BooleanField(
        label="The form says that what is told may be passed on as HIPAA permits, except in proceedings against the "
        "patient, and may no longer be protected then."
    )
    refusing = forms.CharField(
        label="What follows from not signing, as the form says",
        widget=forms.Textarea(attrs={"rows": 2}),
        max_length=1000,
    )
    expires_on = TypedDateField(label="Last day", required=False, help_text="It counts through the end of this day.")
    expires_event = forms.CharField(
        label="Or the event that ends it",
        max_length=200,
        required=False,
        help_text="For example: the end of the treatment.",
    )
    signer_role = forms.ChoiceField(label="Who signed", choices=SignerRole.choices, widget=forms.RadioSelect)
    signer = forms.ModelChoiceField(
        label="Which parent or representative",
        queryset=Person.objects.none(),
        required=False,
        empty_label="Nobody else",
    )
    signed_name = forms.CharField(label="Name as signed", max_length=200)
    signature_how = forms.ChoiceField(
        label="How it was signed", choices=SignatureHow.choices, widget=forms.RadioSelect,
        help_text="A yes on the phone is not a consent.",
    )  # fmt: skip
    signed_on = TypedDateField(label="Date on the signature", past=True)
    signed_time = TypedTimeField(label="Time, if it says one", max_length=20, required=False)
    supersedes = forms.ModelChoiceField(
        label="Replaces an older one",
        queryset=Consent.objects.none(),
        required=False,
        empty_label="No, both count",
        help_text="The older one ends at once.",
    )

    def __init__(self, *args, person, facility, kind, relatives, current=(), now, **kwargs):
        super().__init__(*args, **kwargs)
        self.person, self.facility, self.consent_kind, self.now = person, facility, ConsentKind(kind), now
        self.fields["kind"].initial = self.consent_kind.value
        self.fields["discloser"].initial = facility.name
        today = facility.today(now)
        self.fields["expires_on"].today = self.fields["signed_on"].today = today
        known = Person.objects.filter(pk__in=[relative.pk for relative in relatives])
        self.fields["relatives"].queryset = self.fields["signer"].queryset = known
        words = {consent.pk: f"{consent.get_kind_display()}: {consent.what}"[:80] for consent in current}
        self.fields["supersedes"].queryset = Consent.objects.filter(pk__in=words)
        self.fields["supersedes"].label_from_instance = lambda consent: words[consent.pk]
        self._add_organizations()
        self._fit_kind(has_relatives=bool(relatives))
        if not words:
            self.fields.pop("supersedes")
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = self._layout()

    def elements(self):
        """Keywords for `record_consent`, without `by`; only after `is_valid()`."""
        given = self.cleaned_data
        signs_alone = given["signer_role"] in (SignerRole.PATIENT, SignerRole.MINOR)
        organizations = [given.get(name) for name in self.organization_names]
        return {
            "facility": self.facility,
            "kind": self.consent_kind,
            "discloser": given["discloser"],
            "classes": given.get("classes") or [ContentClass.COUNSELING_NOTES],
            "what": given["what"],
            "purposes": given.get("purposes") or [Purpose.COURT],
            "recipients": [*filter(None, organizations), *given.get("relatives", [])],
            "recipient_class": given.get("recipient_class", ""),
            "revocation_text": notices.REVOCATION.format(how=given["revocation_how"]),
            "tpo_text": notices.REDISCLOSURE.format(refusing=given["refusing"]) if "refusing" in given else "",
            "expires_on": given["expires_on"],
            "expires_event": given["expires_event"],
            "signer": self.person if signs_alone else given["signer"],
            "signer_role": given["signer_role"],
            "signature_how": given["signature_how"],
            "signed_name": given["signed_name"],
            "supersedes": given.get("supersedes"),
            "signed_at": self._signed_at(given["signed_on"], given["signed_time"]),
        }

    def clean(self):
        given = super().clean() or {}
        try:
            if given.get("signed_on"):
                self._signed_at(given["signed_on"], given.get("signed_time"))
        except (OverflowError, ValueError):
            self.add_error("signed_on", "That day is out of reach.")
        return given

    def add_refusal(self, refusal):
        """Show a service's refusal beside the field it is about; what was typed stays."""
        field = getattr(refusal, "field", None)
        field = "supersedes" if refusal.code in {"superseded", "other_person"} else field
        names = {"recipients": "organization_1", "signed_at": "signed_on"}
        field = names.get(field, field) if field else None
        self.add_error(field if field in self.fields else None, str(refusal))

    def _signed_at(self, day, time):
        """The instant of the signature; without a time it is noon, or now when that is still to come."""
        at = instant(day, time or dt.time(12), self.facility.zone)
        return min(at, self.now) if time is None and day == self.facility.today(self.now) else at

    def _add_organizations(self):
        self.organization_names = [f"organization_{n}" for n in range(1, NAMED_ORGANIZATIONS + 1)]
        for n, name in enumerate(self.organization_names, 1):
            self.fields[name] = forms.ModelChoiceField(
                label="Organization" if n == 1 else f"Organization {n}",
                queryset=Organization.objects.filter(is_active=True).order_by("name"),
                required=False,
                empty_label="Nobody",
                blank=True,
            )

    def _fit_kind(self, *, has_relatives):
        """Drop what this kind cannot have."""
        drop = set()
        classes = [choice for choice in ContentClass.choices if choice[0] != ContentClass.COUNSELING_NOTES]
        purposes = [
            choice
            for choice in Purpose.choices
            if choice[0] != Purpose.COURT or self.consent_kind == ConsentKind.SPECIFIC
        ]
        if self.consent_kind == ConsentKind.TPO:
            purposes = [choice for choice in purposes if choice[0] in rules.TPO_PURPOSES]
            drop |= {*self.organization_names, "relatives"}
        else:
            drop |= {"recipient_class", "states_redisclosure", "refusing"}
        if self.consent_kind == ConsentKind.COUNSELING_NOTES:
            drop.add("classes")
        if self.consent_kind in COURT_KINDS:
            drop.add("purposes")
        if not has_relatives:
            drop |= {"relatives", "signer"}
        self.fields["classes"].choices, self.fields["purposes"].choices = classes, purposes
        for name in drop:
            self.fields.pop(name)

    def _layout(self):
        fixed = {}
        if self.consent_kind == ConsentKind.COUNSELING_NOTES:
            fixed["What"] = "Counseling notes, and nothing else."
        if self.consent_kind in COURT_KINDS:
            fixed["What for"] = "Court, probation or parole, and nothing else."

        def part(title, *names):
            """A fieldset of those fields that this kind has; nothing when it has none."""
            rows = [Field(name, wrapper_class=width) for name, width in names if name in self.fields]
            if title in fixed:
                rows.insert(0, HTML(f'<p class="hr-soft">{fixed[title]}</p>'))
            legend = f'<span class="hr-h2 hr-strong d-block mb-2">{title}</span>'
            return [Fieldset(legend, Div(*rows, css_class="hr-fields"), css_class="mb-4")] if rows else []

        organizations = [(name, "hr-c4") for name in self.organization_names]
        to_whom = [*organizations, ("relatives", ""), ("recipient_class", ""), ("states_redisclosure", "")]
        signature = [
            ("signer_role", ""), ("signer", "hr-c6"), ("signed_name", "hr-c6"), ("signature_how", ""),
            ("signed_on", "hr-c6"), ("signed_time", "hr-c6"), ("supersedes", "hr-c6"),
        ]  # fmt: skip
        return Layout(
            "kind",
            *part("Who may tell", ("discloser", "hr-c6")),
            *part("What", ("classes", ""), ("what", "")),
            *part("To whom", *to_whom),
            *part("What for", ("purposes", "")),
            *part("Taking it back", ("states_revocation", ""), ("revocation_how", "hr-c6")),
            *part("If it had not been signed", ("refusing", "")),
            *part("Until when", ("expires_on", "hr-c4"), ("expires_event", "hr-c8")),
            *part("Signature", *signature),
        )


class RevokeForm(forms.Form):
    """How a consent was taken back."""

    HOW = (
        ("said so by phone", "Said so by phone"),
        ("said so in person", "Said so in person"),
        ("in writing", "In writing"),
        ("electronically", "Electronically"),
    )
    how = forms.ChoiceField(label="How it was taken back", choices=HOW, widget=forms.RadioSelect)
    note = forms.CharField(label="To whom, in which words", max_length=150, required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout("how", "note")

    @property
    def how_words(self):
        """One line for the record."""
        return ", ".join(filter(None, [self.cleaned_data["how"], self.cleaned_data["note"]]))
