"""Every write that makes a person, a way to reach them, or a tie between two."""

from django.db import transaction
from django.utils import timezone

from accounts.permissions import Permission
from core.errors import Refused
from people.models import ContactKind, ContactPoint, KnownBecause, Person, PersonAtFacility, Relation, Relationship
from people.phones import normal_phone

CANDIDATES = 5
DIGITS_TO_MATCH = 7  # fewer are the number somebody is still typing


class NothingToReach(Refused):
    """A way to reach somebody that holds nothing that could be dialed, written to or found."""

    code = "nothing_to_reach"


def create_person(*, facility, by, at=None, because=KnownBecause.CONTACT, **fields):
    """A new person, known at `facility` since `at` (aware, default now).

    `fields` are those of `Person`; names are tidied, an `age_about` is dated with the facility's day.
    Nobody is matched here: an unseen match is never shown and never refused (docs/decisions).
    """
    at = at or timezone.now()
    for name in ("given_name", "family_name"):
        fields[name] = tidy(fields.get(name), 100)
    if fields.get("age_about") is not None:
        fields.setdefault("age_told_on", facility.today(at))
    with transaction.atomic():
        person = Person.objects.create(**fields)
        PersonAtFacility.objects.create(person=person, facility=facility, because=because, since=at)
    return person


def know(person, *, facility, because=KnownBecause.CONTACT, at=None):
    """`facility` knows `person` from now on; the first reason stays. Answers the `PersonAtFacility`."""
    return PersonAtFacility.objects.get_or_create(
        person=person, facility=facility, defaults={"because": because, "since": at or timezone.now()}
    )[0]


def add_contact_point(person, *, kind, value, by, **ok):
    """One way to reach `person`; the same one again is the same row, with the newer answers.

    `ok` takes `ok_to_call`, `ok_to_voicemail`, `ok_to_text`, `ok_to_email`, `label` and the other fields of
    `ContactPoint`; None means not asked and overwrites nothing. Raises NothingToReach for an empty value.
    """
    value = tidy(value, 254)
    normal = normal_value(kind, value)
    if not normal:
        raise NothingToReach("Write a number, an email address or where they can be found.")
    told = {name: answer for name, answer in ok.items() if answer is not None and answer != ""}
    point, created = ContactPoint.objects.get_or_create(
        person=person, kind=kind, normal=normal, defaults={"value": value, **told}
    )
    changed = [] if created else [name for name, answer in told.items() if getattr(point, name) != answer]
    if changed:
        for name in changed:
            setattr(point, name, told[name])
        point.save(update_fields=changed)
    return point


def normal_value(kind, value):
    """What is compared: E.164 or digits for a phone, lower case for the rest."""
    if kind == ContactKind.PHONE:
        return normal_phone(value) or tidy(value, 254).lower()
    return tidy(value, 254).lower()


def relate(person, *, other, relation, by, **flags):
    """`other` is the `relation` of `person` ("Renata is Devin's mother").

    Told again, the newer answer stands; not known yet never replaces an answer. Raises Refused for one
    person twice.
    """
    if person.pk == other.pk:
        raise Refused("A person is no relative of themselves.", code="one_person")
    row, created = Relationship.objects.get_or_create(
        person=person, other=other, defaults={"relation": relation, **flags}
    )
    if not created:
        told = {name: answer for name, answer in flags.items() if answer is not None}
        if relation != Relation.UNKNOWN:
            told["relation"] = relation
        changed = [name for name, answer in told.items() if getattr(row, name) != answer]
        for name in changed:
            setattr(row, name, told[name])
        if changed:
            row.save(update_fields=changed)
    return row


def candidates(user, *, facility, number):
    """Persons reached at `number` before, at most five, those `facility` knows first.

    Only within what `user` may see: a match elsewhere in the organization is neither shown nor hinted at.
    """
    normal = normal_phone(number)
    if len(normal.lstrip("+")) < DIGITS_TO_MATCH:
        return []
    found = list(
        Person.objects.visible_to(user, Permission.VIEW_PEOPLE)
        .filter(contact_points__normal=normal, contact_points__kind=ContactKind.PHONE)
        .known_here(facility)
        .order_by("-is_known_here", "created_at", "pk")
        .distinct()[:CANDIDATES]
    )
    return found


def tidy(text, longest):
    """Words without control characters and doubled spaces, at most `longest` characters."""
    printable = "".join(char if char.isprintable() else " " for char in text or "")
    return " ".join(printable.split())[:longest].strip()
