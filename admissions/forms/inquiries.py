"""What may be changed on an inquiry, and why one is closed."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Div, Field, Layout
from django import forms

from admissions.enums import ClosedBecause
from admissions.forms.edits import VersionedEdit
from admissions.models import Inquiry
from people.models import ContactPoint
from work.forms import colleagues


class ContactPointChoice(forms.ModelChoiceField):
    """How to reach them: whose it is, and what it is."""

    def label_from_instance(self, point):
        return f"{point.person.name}: {point.value}" + (f", {point.label}" if point.label else "")


class StaffChoice(forms.ModelChoiceField):
    """Staff by name."""


class InquiryForm(VersionedEdit):
    """The facts of an inquiry; its stage moves by verbs only."""

    owner = StaffChoice(queryset=None, required=False, empty_label="Nobody yet")
    contact_point = ContactPointChoice(label="Reach at", queryset=None, required=False, empty_label="Not known yet")

    class Meta:
        model = Inquiry
        fields = ["owner", "relation", "contact_point", "source", "words"]
        widgets = {"words": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        inquiry = self.instance
        people = [pk for pk in (inquiry.person_id, inquiry.caller_id) if pk]
        self.fields["owner"].queryset = colleagues(inquiry.facility)
        self.fields["contact_point"].queryset = ContactPoint.objects.filter(person__in=people).select_related("person")
        self.fields["words"].max_length = 5000
        self.fields["words"].widget.attrs["maxlength"] = 5000
        self.fields["words"].validators.append(forms.fields.validators.MaxLengthValidator(5000))
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.helper.layout = Layout(
            "version",
            Div(
                Field("owner", wrapper_class="hr-c6"),
                Field("source", wrapper_class="hr-c6"),
                Field("relation", wrapper_class="hr-c6"),
                Field("contact_point", wrapper_class="hr-c6"),
                Field("words", wrapper_class="hr-c12"),
                css_class="hr-fields",
            ),
        )


class CloseForm(forms.Form):
    """Why an inquiry ends without admission."""

    because = forms.ChoiceField(label="Because", choices=[("", "Choose a reason"), *ClosedBecause.choices])
    note = forms.CharField(label="In words", max_length=300, required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
