"""What staff type about partners and about the answers of a referral."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Layout
from django import forms

from accounts.models import User
from people.models import Organization, OrganizationKind
from programs.enums import Category
from referrals.enums import Compensation, ReferralState

NO_PAY_PER_PERSON = (
    "Money that depends on referrals, admissions or a percentage is no choice here: "
    "federal law forbids it (18 USC 220)."
)
ORGANIZATION_FIELDS = [
    "name", "kind", "phone", "email", "street", "city", "state", "postal_code", "is_part2_or_hipaa",
]  # fmt: skip


class PartnerForm(forms.ModelForm):
    """A partner and the organization it is, on one page. Domain objects: `staff` (users who may own the outreach).

    `partner` is the one being changed, or None. `is_another` is asked only once a name is nearly taken.
    """

    takes = forms.MultipleChoiceField(
        label="What they take", choices=Category.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    owner = forms.ModelChoiceField(
        label="Outreach owner", queryset=User.objects.none(), required=False, empty_label="Nobody yet"
    )
    compensation = forms.ChoiceField(
        label="Money between us",
        choices=Compensation.choices,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": NO_PAY_PER_PERSON},
        help_text="Nobody is paid for a referral, in either direction (18 USC 220).",
    )
    note = forms.CharField(
        label="Good to know", widget=forms.Textarea(attrs={"rows": 3}), max_length=2000, required=False
    )
    is_another = forms.BooleanField(label="This is another one with a similar name", required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0, max_value=2_000_000_000)
    organization_version = forms.IntegerField(
        widget=forms.HiddenInput, required=False, min_value=0, max_value=2_000_000_000
    )

    class Meta:
        model = Organization
        fields = ORGANIZATION_FIELDS
        labels = {"kind": "What they are", "is_part2_or_hipaa": "Covered entity, business associate or part 2 program"}
        help_texts = {
            "is_part2_or_hipaa": "Leave it out when unsure: a consent for treatment, payment and operations then "
            "does not reach them. Most sober homes, courts and employers are none."
        }

    def __init__(self, *args, staff, partner=None, **kwargs):
        kwargs["instance"] = partner.organization if partner else None
        super().__init__(*args, **kwargs)
        self.partner = partner
        self.fields["kind"].choices = [("", "Choose"), *OrganizationKind.choices]
        self.fields["owner"].queryset = staff
        if partner:
            self.initial.update({
                "takes": partner.takes, "owner": partner.owner_id, "compensation": partner.compensation,
                "note": partner.note, "version": partner.version, "organization_version": partner.organization.version,
            })  # fmt: skip
        self.asks_another = "is_another" in self.data
        self.helper = FormHelper()
        self.helper.form_tag = False
        self._lay_out()

    def ask_another(self):
        """A name is nearly taken: ask whether this is another one."""
        self.asks_another = True
        self._lay_out()

    def validate_unique(self):
        """The service says it in words that name what to do."""

    @property
    def organization_values(self):
        return {name: self.cleaned_data[name] for name in ORGANIZATION_FIELDS}

    @property
    def partner_values(self):
        return {name: self.cleaned_data[name] for name in ("takes", "owner", "compensation", "note")}

    def _lay_out(self):
        def wide(name, width):
            return Field(name, wrapper_class=width)

        hidden = ["version", "organization_version"] if self.partner else []
        another = ["is_another"] if self.asks_another and not self.partner else []
        self.helper.layout = Layout(
            *hidden,
            Div(wide("name", "hr-c8"), wide("kind", "hr-c4"), *another, wide("takes", ""), wide("phone", "hr-c6"),
                wide("email", "hr-c6"), wide("street", "hr-c5"), wide("city", "hr-c3"), wide("state", "hr-c2"),
                wide("postal_code", "hr-c2"), "is_part2_or_hipaa", wide("owner", "hr-c6"), "compensation", "note",
                css_class="hr-fields"),
        )  # fmt: skip


class ContactForm(forms.Form):
    """Someone who works at a partner."""

    name = forms.CharField(max_length=120)
    role = forms.CharField(max_length=80, required=False)
    phone = forms.CharField(max_length=30, required=False)
    email = forms.EmailField(required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        widths = {"name": "hr-c6", "role": "hr-c6", "phone": "hr-c6", "email": "hr-c6"}
        self.helper.layout = Layout(
            Div(*(Field(name, wrapper_class=width) for name, width in widths.items()), css_class="hr-fields")
        )


class MoveForm(forms.Form):
    """One answer. Domain object: `states`, the `ReferralState`s that may follow."""

    to = forms.ChoiceField(label="What happened", widget=forms.RadioSelect)
    reason = forms.CharField(
        label="In their words", max_length=300, required=False, help_text="A decline or a withdrawal needs its reason."
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2_000_000_000)

    def __init__(self, *args, states, version, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = [(state.value, state.label) for state in ReferralState if state in states]
        self.initial["version"] = version
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.layout = Layout("version", "to", "reason")
