"""What the public inquiry form accepts: three required fields; nothing else refuses anybody."""

from django import forms

from admissions.forms.calls import PlainChar

SELF, LOVED_ONE, WORK = "self", "loved_one", "work"
WHO = [(SELF, "I do"), (LOVED_ONE, "Someone I love"), (WORK, "Someone I work with")]
SUBSTANCES = [
    "Alcohol",
    "Opioids",
    "Fentanyl",
    "Ketamine",
    "Cocaine",
    "Methamphetamine",
    "Benzodiazepines",
    "Cannabis",
]
OK_TO = [("call", "Call"), ("text", "Text"), ("voicemail", "Leave a voicemail")]
LONGEST_MESSAGE = 10_000


class InquiryForm(forms.Form):
    """A request for help by whoever needs it, or somebody who cares about them."""

    who = forms.ChoiceField(
        label="Who needs help?", choices=WHO, widget=forms.RadioSelect,
        error_messages={"required": "Choose who needs help.", "invalid_choice": "Choose who needs help."},
    )  # fmt: skip
    first = PlainChar(
        label="What may we call you?", max_length=100, help_text="A first name is enough.",
        error_messages={"required": "Write a name we may call you. It need not be your real one."},
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )  # fmt: skip
    reach = PlainChar(
        label="How can we reach you?", max_length=254, help_text="A phone number or an email address.",
        error_messages={"required": "Write a phone number or an email address, so that we can answer."},
        widget=forms.TextInput(attrs={"autocomplete": "tel"}),
    )  # fmt: skip
    ok = forms.MultipleChoiceField(
        label="We may", choices=OK_TO, required=False, widget=forms.CheckboxSelectMultiple,
        help_text="We never say what it is about to anyone else who picks up.",
    )  # fmt: skip
    last = PlainChar(
        label="Last name",
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    email = PlainChar(
        label="Email", max_length=254, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "email", "inputmode": "email"}),
    )  # fmt: skip
    person = PlainChar(
        label="First name of the person who needs help", max_length=100, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    substances = forms.MultipleChoiceField(
        label="What is being used?", choices=[(name, name) for name in SUBSTANCES], required=False,
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    message = PlainChar(
        label="What is happening?", max_length=LONGEST_MESSAGE, required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip
    danger = forms.ChoiceField(
        label="Is anyone in danger right now?",
        choices=[("none", "No"), ("yes", "Yes"), ("cannot_tell", "I cannot tell")],
        required=False,
        widget=forms.RadioSelect,
        help_text="If yes, call 911 first. A form is slower than a call.",
    )
