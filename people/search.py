"""Search as one types: names (misspelt too), parts of a phone or email, birth dates; within sight only.

Candidates are capped before they are ranked, so that a fragment that thousands share costs no more than a
rare one. Whoever may not be seen takes no part in any step: not in the cap, not in the rank, not in a count.
"""

import datetime as dt
import re
from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity, TrigramWordSimilarity
from django.db.models import F, Func, OuterRef, Subquery, TextField, Value
from django.utils import timezone

from accounts.permissions import Permission
from core.times import parse_date
from people.models import ContactPoint, Person
from people.services import tidy

HITS = 20
CANDIDATES = 300
LETTERS, DIGITS = 3, 4
LONGEST = 80
FEW = 5  # fewer exact hits than this, and misspelt ones are asked for too
_PHONE_LIKE = re.compile(r"[\d\s().+\-/]+")


@dataclass(frozen=True)
class Query:
    """What was typed, read in every way it can be meant."""

    text: str
    words: tuple
    digits: str
    email: str
    born_on: dt.date | None

    @classmethod
    def of(cls, text, *, today=None):
        text = tidy((text or "")[:400], LONGEST)
        digits = "".join(char for char in text if char.isascii() and char.isdigit())
        is_number = bool(_PHONE_LIKE.fullmatch(text)) and len(digits) >= DIGITS
        if len(digits) == 11 and digits.startswith("1"):
            digits = digits[1:]
        words = tuple(word for word in re.split(r"[\s,]+", text) if any(char.isalpha() for char in word))
        return cls(
            text=text,
            words=words[:5] if sum(map(len, words)) >= LETTERS and "@" not in text else (),
            digits=digits if is_number else "",
            email=text.lower() if "@" in text and len(text) >= LETTERS else "",
            born_on=_birth_date(text, today or timezone.localdate()),
        )

    @property
    def is_enough(self):
        """Whether there is anything to look for: three letters, four digits or a date."""
        return bool(self.words or self.digits or self.email or self.born_on)


@dataclass(frozen=True)
class Hit:
    """One person found, and why."""

    person: Person
    why: str


def search(user, text, *, today=None):
    """At most twenty `Hit`s of persons `user` may see, best first; [] for too few letters or digits.

    `today` is the facility's day, for two-digit years. One query, or two when hardly anything matched.
    """
    query = Query.of(text, today=today)
    if not query.is_enough:
        return []
    found = _exact(user, query)
    if len(found) < FEW and query.words:
        found += _misspelt(user, query, without={person.pk for person in found}, at_most=HITS - len(found))
    return [Hit(person, _why(person, query)) for person in found]


def _visible(user):
    return Person.objects.visible_to(user, Permission.VIEW_PEOPLE)


def _exact(user, query):
    """Persons in whom every word, or the number, the address or the date is found as typed."""
    sources = []
    if query.words:
        names = _visible(user)
        for word in query.words:
            names = names.filter(search_name__contains=_searchable(word))
        sources.append(names.values("pk")[:CANDIDATES])
    if part := query.digits or query.email:
        points = ContactPoint.objects.visible_to(user, Permission.VIEW_PEOPLE).filter(normal__contains=part)
        sources.append(points.order_by().values("person")[:CANDIDATES])
    if query.born_on:
        sources.append(_visible(user).filter(birth_on=query.born_on).values("pk")[:CANDIDATES])
    wanted = sources[0].union(*sources[1:], all=True) if len(sources) > 1 else sources[0]
    return list(_with_point(_visible(user).filter(pk__in=wanted), query).order_by(*_order(query))[:HITS])


def _misspelt(user, query, *, without, at_most):
    """Persons whose name sounds alike in its trigrams, the likest first."""
    said = _searchable(" ".join(query.words))
    lookup = "search_name__trigram_word_similar" if len(query.words) == 1 else "search_name__trigram_similar"
    like = (
        TrigramWordSimilarity(said, "search_name") if len(query.words) == 1 else TrigramSimilarity("search_name", said)
    )
    near = _visible(user).filter(**{lookup: said}).values("pk")[:CANDIDATES]
    rows = _visible(user).filter(pk__in=near).exclude(pk__in=without).annotate(likeness=like)
    return list(_with_point(rows, query).order_by("-likeness", "-created_at", "pk")[:at_most])


def _searchable(text):
    """`text` as `search_name` holds it: lower case, without accents, by the database's own rule."""
    return Func(Value(text, output_field=TextField()), function="handrail_searchable", output_field=TextField())


def _with_point(rows, query):
    """Each row with the number or address that matched (or the preferred number), as `point`."""
    points = ContactPoint.objects.filter(person=OuterRef("pk"))
    if part := query.digits or query.email:
        points = points.filter(normal__contains=part)
    else:
        points = points.filter(kind="phone", wrong_since=None)
    return rows.annotate(point=Subquery(points.order_by("-is_preferred", "created_at").values("normal")[:1]))


def _order(query):
    if not query.words:
        return ("-created_at", "pk")
    return (TrigramSimilarity("search_name", _searchable(" ".join(query.words))).desc(), F("created_at").desc(), "pk")


def _why(person, query):
    """In which way this person matched, as a code: phone, email, birth, name, alike."""
    if query.digits and person.point and query.digits in person.point:
        return "phone"
    if query.email and person.point and query.email in person.point:
        return "email"
    if query.born_on and person.birth_on == query.born_on:
        return "birth"
    return "alike" if hasattr(person, "likeness") else "name"


def _birth_date(text, today):
    """The date typed, if it reads like one that somebody could be born on."""
    if not re.search(r"\d", text) or not re.search(r"[/\-. ]|^\d{6}$|^\d{8}$", text):
        return None
    try:
        born_on = parse_date(text, today, past=True)
    except ValueError:
        return None
    return born_on if born_on.year >= 1900 and born_on <= today else None
