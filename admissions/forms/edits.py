"""Edits that notice when somebody else was faster."""

from django import forms

from core.errors import Stale


class VersionedEdit(forms.ModelForm):
    """A form of a `core.models.Versioned` row; a hidden `version` says which state was looked at.

    `save_current` writes the changed fields or raises nothing and answers False: then the form holds what
    was typed, an error, and `theirs`: what the row says now where it differs, as (label, words).
    """

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.initial["version"] = self.instance.version
        self.theirs = []

    def save_current(self):
        """Write what changed if nobody else did since; True when written."""
        changed = self.written()
        if not changed:
            return True
        try:
            self.instance.save_if_current(self.cleaned_data["version"], fields=changed)
        except Stale as stale:
            self._show_both(stale)
            return False
        return True

    def written(self):
        """Names of the fields to write: those that differ from what the page showed."""
        return [name for name in self._meta.fields if name in self.changed_data]

    def _show_both(self, stale):
        now = type(self.instance)._default_manager.get(pk=self.instance.pk)
        for name in self._meta.fields:
            mine, theirs = getattr(self.instance, name), getattr(now, name)
            if mine != theirs:
                self.theirs.append((self.fields[name].label, self.in_words(now, name)))
        # Sent again after both were seen, it is a decision.
        self.data = self.data.copy()
        self.data["version"] = now.version
        self.add_error(None, str(stale))

    def in_words(self, instance, name):
        """What `instance` says in field `name`, for a reader."""
        display = getattr(instance, f"get_{name}_display", None)
        value = display() if display else getattr(instance, name)
        return {None: "not known", "": "nothing", True: "Yes", False: "No"}.get(value, value)
