"""What we accept when somebody says stop."""

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout
from django import forms

HEARD = [
    ("said on the phone", "They said it on the phone"),
    ("said in person", "They said it in person"),
    ("left a voicemail", "They left a voicemail"),
    ("wrote it", "They wrote it"),
    ("somebody said it for them", "Somebody said it for them"),
]


class OptOutForm(forms.Form):
    """How we heard that somebody wants no more messages at an address."""

    source = forms.ChoiceField(label="How do we know?", choices=HEARD, widget=forms.RadioSelect)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.helper.layout = Layout("source")
