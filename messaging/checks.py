"""What an installation should know before a message reveals it."""

from django.conf import settings
from django.core import checks

from messaging import words


@checks.register
def neutral_sender(app_configs, **kwargs):
    """A sender whose name or domain names the care would keep every message to a person from leaving."""
    try:
        words.refuse(senders=[settings.DEFAULT_FROM_EMAIL])
    except words.ForbiddenWords:
        return [
            checks.Warning(
                "DEFAULT_FROM_EMAIL suggests addiction care, so no message to a person will leave.",
                hint="Send from a neutral name and domain (42 CFR 2.13; docs/decisions/0002).",
                id="handrail.W001",
            )
        ]
    return []
