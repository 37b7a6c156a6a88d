"""How a task finds the row it belongs to without knowing the upper rooms.

Each room registers its kinds in `AppConfig.ready()`; work asks for all tasks of a page at once.
"""

from dataclasses import dataclass

_resolvers = {}


@dataclass(frozen=True)
class Subject:
    """What a task row shows of its subject: a few words and where it opens."""

    title: str
    url: str


def register(kind, resolver):
    """`resolver(ids) -> {id: Subject}` answers for `kind` (a model's name) in a bounded number of queries."""
    _resolvers[kind] = resolver


def resolve(tasks):
    """`{task.pk: Subject}` of those tasks that have a known subject; one call for each kind."""
    by_kind = {}
    for task in tasks:
        if task.subject_id and task.subject_kind in _resolvers:
            by_kind.setdefault(task.subject_kind, []).append(task)
    found = {}
    for kind, rows in by_kind.items():
        subjects = _resolvers[kind]({task.subject_id for task in rows})
        found |= {task.pk: subjects[task.subject_id] for task in rows if task.subject_id in subjects}
    return found
