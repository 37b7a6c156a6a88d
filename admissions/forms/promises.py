"""How a promise ended, and what is promised next."""

from crispy_forms.layout import HTML, Div, Field, Layout
from django import forms

from admissions.enums import CallOutcome
from admissions.promises import NO_CALL, Next
from work.forms import WhenForm

_CALLS = (
    CallOutcome.REACHED,
    CallOutcome.VOICEMAIL,
    CallOutcome.NO_ANSWER,
    CallOutcome.BUSY,
    CallOutcome.WRONG_NUMBER,
    CallOutcome.DECLINED,
)
PROMISE, NOTHING = "promise", "nothing"


class OutcomeForm(WhenForm):
    """The outcome of a promise (required) and what follows (required: a new promise, or nothing is owed)."""

    is_when_required = False

    outcome = forms.ChoiceField(
        label="How did it end?",
        choices=[(str(call), call.label) for call in _CALLS] + [(NO_CALL, "No call")],
        widget=forms.RadioSelect(attrs={"autofocus": True}),
    )
    words = forms.CharField(
        label="In words",
        max_length=280,
        required=False,
        help_text="Required without a call.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    following = forms.ChoiceField(
        label="And now?",
        choices=[(PROMISE, "A new promise"), (NOTHING, "Nothing more is owed")],
        widget=forms.RadioSelect,
    )
    text = forms.CharField(
        label="What is promised", max_length=300, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    field_order = ["outcome", "words", "following", "on", "time", "text"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper.layout = Layout(
            Div(
                Field("outcome", wrapper_class="hr-c12"),
                Field("words", wrapper_class="hr-c12"),
                Field("following", wrapper_class="hr-c12"),
                HTML('<p class="hr-muted small hr-c12">For a new promise, when and what:</p>'),
                Field("on", wrapper_class="hr-c3 hr-m6"),
                Field("time", wrapper_class="hr-c3 hr-m6"),
                Field("text", wrapper_class="hr-c6"),
                css_class="hr-fields",
            )
        )

    def clean(self):
        data = super().clean()
        if data.get("outcome") == NO_CALL and not data.get("words") and "words" not in self.errors:
            self.add_error("words", "Say why nobody was called.")
        if data.get("following") == PROMISE:
            for name, missing in (("on", "Name the day."), ("time", "Name the time.")):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, missing)
        return data

    @property
    def next(self):
        """The `Next` that was asked for, or None; only after a valid form."""
        data = self.cleaned_data
        return Next(data["on"], data["time"], data["text"]) if data["following"] == PROMISE else None
