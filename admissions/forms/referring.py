"""What staff choose when a person is referred on, and what they write down when one is referred to us."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Layout
from django import forms

from admissions.referring import News
from people.models import Person
from privacy.enums import ContentClass
from programs.enums import Category
from referrals.enums import Urgency
from referrals.models import Partner, PartnerContact
from referrals.services import LEAST

NEW = "new"
HOW = (("phone", "By phone"), ("fax", "By fax"), ("letter", "On paper"), ("secure email", "By secure email"))


class ReferOutForm(forms.Form):
    """Whom to ask and what to tell. Domain object: `partners`, the queryset offered.

    The partners are ticked in the page's own rows; `category` narrows them when "Show who fits" is pressed.
    """

    category = forms.ChoiceField(
        label="Level of care", choices=[("", "Not said yet"), *Category.choices], required=False
    )
    partners = forms.ModelMultipleChoiceField(queryset=Partner.objects.none(), widget=forms.CheckboxSelectMultiple)
    tells_clinical = forms.BooleanField(label="Also why, and the substances as told", required=False)
    reason = forms.CharField(
        label="Why we refer",
        max_length=300,
        help_text="Told only when the box above is ticked. Otherwise it stays here.",
    )
    urgency = forms.ChoiceField(label="How soon", choices=Urgency.choices, widget=forms.RadioSelect)
    how = forms.ChoiceField(label="How they are told", choices=HOW, widget=forms.RadioSelect)

    def __init__(self, *args, partners, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["partners"].queryset = partners
        self.fields["partners"].error_messages["required"] = "Choose at least one partner."

    @property
    def classes(self):
        """The content classes to be told, whether or not the form is valid yet."""
        clinical = [ContentClass.CLINICAL] if self["tells_clinical"].value() else []
        return [*LEAST, *clinical]

    def chosen(self):
        """Ids of ticked partners as text, so that ticks stay when something is refused."""
        return {str(value) for value in self["partners"].value() or []}


class ReceiveForm(forms.Form):
    """A referral to us: who sends, whom, why. Domain objects: `partners`, `candidates` (Persons with that number).

    `person` is asked only once somebody with the same number is known; a match is never made by itself.
    """

    partner = forms.ModelChoiceField(label="Who refers", queryset=Partner.objects.none(), empty_label="Choose")
    contact = forms.ModelChoiceField(
        label="Who called there", queryset=PartnerContact.objects.none(), required=False, empty_label="Not said"
    )
    given_name = forms.CharField(label="First name", max_length=100, required=False)
    family_name = forms.CharField(label="Last name", max_length=100, required=False)
    phone = forms.CharField(label="Phone of the person", max_length=40, required=False)
    age_about = forms.IntegerField(label="Age, about", min_value=0, max_value=120, required=False)
    person = forms.ChoiceField(label="Is it one of these?", required=False, widget=forms.RadioSelect)
    category = forms.ChoiceField(
        label="Level of care asked for", choices=[("", "Not said"), *Category.choices], required=False
    )
    reason = forms.CharField(label="Why, in their words", max_length=300)
    urgency = forms.ChoiceField(label="How soon", choices=Urgency.choices, widget=forms.RadioSelect)

    def __init__(self, *args, partners, candidates=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["partner"].queryset = partners
        self.fields["contact"].queryset = PartnerContact.objects.filter(partner__in=partners).select_related(
            "partner__organization"
        )
        self.fields["contact"].label_from_instance = lambda row: f"{row.partner}: {row.name}"
        self.candidates = {str(person.pk): person for person in candidates}
        self.fields["person"].choices = [(pk, self._words(one)) for pk, one in self.candidates.items()] + [
            (NEW, "Somebody new")
        ]
        self.helper = FormHelper()
        self.helper.form_tag = False
        asked = ["person"] if self.candidates else []
        self.helper.layout = Layout(
            Div(Field("partner", wrapper_class="hr-c6"), Field("contact", wrapper_class="hr-c6"),
                Field("given_name", wrapper_class="hr-c3"), Field("family_name", wrapper_class="hr-c3"),
                Field("phone", wrapper_class="hr-c4"), Field("age_about", wrapper_class="hr-c2"), *asked,
                Field("category", wrapper_class="hr-c6"), "reason", "urgency", css_class="hr-fields"),
        )  # fmt: skip

    def clean(self):
        given = super().clean()
        if not given.get("given_name") and not given.get("phone") and not given.get("person"):
            self.add_error("given_name", "A name or a number: one of them is enough.")
        if self.candidates and not given.get("person"):
            self.add_error("person", "This number is known. Say whether it is the same person.")
        return given

    def chosen_person(self):
        """The known Person chosen, or None for somebody new."""
        return self.candidates.get(self.cleaned_data.get("person") or NEW)

    @staticmethod
    def _words(person: Person):
        return (
            f"{person.name}, born {person.birth_on:%b} {person.birth_on.day}, {person.birth_on.year}"
            if (person.birth_on)
            else person.name
        )


class TellForm(forms.Form):
    """What the referrer hears, in fixed words."""

    what = forms.ChoiceField(label="What they are told", choices=News.choices, widget=forms.RadioSelect)
    how = forms.ChoiceField(label="How", choices=HOW, widget=forms.RadioSelect)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout("what", "how")
