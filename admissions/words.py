"""How staff say who called about whom: short words, no guess about anybody's gender."""

from people.models import Relation

_ABOUT = {
    Relation.MOTHER: "mother of {}",
    Relation.FATHER: "father of {}",
    Relation.PARTNER: "partner of {}",
    Relation.CHILD: "son or daughter of {}",
    Relation.SIBLING: "brother or sister of {}",
    Relation.RELATIVE: "relative of {}",
    Relation.FRIEND: "friend of {}",
    Relation.GUARDIAN: "legal guardian of {}",
    Relation.PROFESSIONAL: "professional, about {}",
}


def who_about(inquiry):
    """("Renata Oakes", "mother of Devin"), ("Garrett Lowe", "for themselves"), ("No name yet", "").

    The first is whom one speaks with, the second how they belong to the person the inquiry is about.
    """
    caller, person = inquiry.caller, inquiry.person
    if caller is not None and caller.pk == person.pk:
        caller = None
    names = (person.given_name, person.family_name)
    return say_who(names, (caller.given_name, caller.family_name) if caller else None, inquiry.relation)


def say_who(person, caller, relation):
    """`who_about` of (first, last) names; `caller` is None where it is the person, or nobody."""
    if caller is None:
        return full_name(*person), "for themselves" if relation == Relation.SELF else ""
    known_as = person[0] or person[1] or "the person"
    return full_name(*caller), _ABOUT.get(relation, "about {}").format(known_as)


def full_name(first, last):
    """As `people.Person.name` says it."""
    return f"{first} {last}".strip() or "No name yet"


def tries(tried, reached):
    """ "Reached 1 of 2", "3 tries", "Not tried yet": outgoing calls about one inquiry."""
    if reached:
        return f"Reached {reached} of {tried}"
    if tried:
        return f"{tried} {'try' if tried == 1 else 'tries'}"
    return "Not tried yet"


def sentence(words):
    """A list of clauses as one sentence part: "a", "a and b", "a, b and c"."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
