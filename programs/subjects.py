"""What tasks show of a stay (the call after a discharge): registered with `work.subjects`."""

from programs.models import Stay
from work import subjects


def stays(ids):
    """{id: Subject} of stays, in one query; who may see the task was asked before."""
    rows = Stay.objects.filter(pk__in=ids).select_related("person")
    return {row.pk: subjects.Subject(str(row.person), row.person.get_absolute_url()) for row in rows}


def register():
    subjects.register("stay", stays)
