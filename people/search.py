"""Search as one types: names (misspelt too), parts of a phone or email, birth dates; within sight only.

Candidates are capped before they are ranked, so that a fragment that thousands share costs no more than a
rare one. Whoever may not be seen takes no part in any step: not in the cap, not in the rank, not in a count.
"""

import datetime as dt
import re
from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity, TrigramWordSimilarity
from django.db.models import (
    BooleanField,
    Case,
    Exists,
    ExpressionWrapper,
    Func,
    OuterRef,
    Q,
    Subquery,
    TextField,
    Value,
    When,
)  # fmt: skip
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

    `today` is the facility's day, for two-digit years. One query.
    """
    query = Query.of(text, today=today)
    if not query.is_enough:
        return []
    return [Hit(person, _why(person, query)) for person in _found(user, query)]


def _visible(user):
    return Person.objects.visible_to(user, Permission.VIEW_PEOPLE)


def _found(user, query):
    """Persons in whom every word, or the number, the address or the date is found as typed, the closest first.

    After fewer than FEW of them come those whose name sounds alike in its trigrams (`is_alike`).
    """
    if not query.words:
        return list(_with_point(_among(user, _ids(user, query)), query).order_by("-created_at", "pk")[:HITS])
    as_typed = Q()
    for word in query.words:
        as_typed &= Q(search_name__contains=_searchable(word))
    if query.born_on:
        as_typed |= Q(birth_on=query.born_on)
    typed = _visible(user).filter(as_typed).values("pk")
    said, is_one = _searchable(" ".join(query.words)), len(query.words) == 1
    # PostgreSQL answers "are there FEW" once, before it looks for anybody who is only alike.
    near = _visible(user).filter(~Exists(typed[FEW - 1 :]))
    near = near.filter(**{"search_name__trigram_word_similar" if is_one else "search_name__trigram_similar": said})
    whole = TrigramSimilarity("search_name", said)
    part = Case(When(~as_typed, then=TrigramWordSimilarity(said, "search_name")), default=whole)
    rows = _among(user, [typed[:CANDIDATES], near.values("pk")[:CANDIDATES]])
    rows = rows.annotate(is_alike=ExpressionWrapper(~as_typed, output_field=BooleanField()))
    closest = ("is_alike", (part if is_one else whole).desc(), "-created_at", "pk")
    return list(_with_point(rows, query).order_by(*closest)[:HITS])


def _ids(user, query):
    """Querysets of ids: who has the number or the address, and who was born on the day."""
    if part := query.digits or query.email:
        points = ContactPoint.objects.visible_to(user, Permission.VIEW_PEOPLE).filter(normal__contains=part)
        yield points.order_by().values("person")[:CANDIDATES]
    if query.born_on:
        yield _visible(user).filter(birth_on=query.born_on).values("pk")[:CANDIDATES]


def _among(user, sources):
    """Visible persons whose id stands in one of `sources` (querysets of ids)."""
    first, *others = sources
    return _visible(user).filter(pk__in=first.union(*others, all=True) if others else first)


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


def _why(person, query):
    """In which way this person matched, as a code: phone, email, birth, name, alike."""
    if query.digits and person.point and query.digits in person.point:
        return "phone"
    if query.email and person.point and query.email in person.point:
        return "email"
    if query.born_on and person.birth_on == query.born_on:
        return "birth"
    return "alike" if getattr(person, "is_alike", False) else "name"


def _birth_date(text, today):
    """The date typed, if it reads like one that somebody could be born on."""
    if not re.search(r"\d", text) or not re.search(r"[/\-. ]|^\d{6}$|^\d{8}$", text):
        return None
    try:
        born_on = parse_date(text, today, past=True)
    except ValueError:
        return None
    return born_on if born_on.year >= 1900 and born_on <= today else None
