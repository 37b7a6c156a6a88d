"""Access matrix of consents, the accounting and the read log."""

from accounts.permissions import Permission as P
from tests.access import Row


def of_person(world):
    return {"pk": world.person.pk}


def of_consent(world):
    return {"pk": world.consent.pk}


def of_disclosure(world):
    return {"pk": world.disclosure.pk}


ROWS = {
    "privacy:consents": Row(P.VIEW_PEOPLE, args=of_person),
    "privacy:consent_new": Row(
        P.RECORD_CONSENT,
        ("get", "post"),
        args=of_person,
        data=lambda w: {"choose": "tpo", "idempotency_key": "crawl-key"},
    ),
    "privacy:consent": Row(P.VIEW_PEOPLE, args=of_consent),
    "privacy:consent_revoke": Row(
        P.RECORD_CONSENT, ("get", "post"), args=of_consent, data=lambda w: {"how": "in writing"}
    ),
    "privacy:accounting": Row(P.VIEW_ACCOUNTING, args=of_person),
    "privacy:disclosure": Row(P.VIEW_PEOPLE, args=of_disclosure),
    "privacy:reads": Row(P.VIEW_ACCOUNTING),
}
