"""What tasks of lower rooms show of an inquiry: registered with `work.subjects`."""

from admissions.models import Inquiry
from admissions.words import who_about
from work import subjects


def inquiries(ids):
    """{id: Subject} of inquiries, in one query; who may see the task was asked before."""
    rows = Inquiry.objects.filter(pk__in=ids).select_related("person", "caller")
    return {row.pk: subjects.Subject(", ".join(filter(None, who_about(row))), row.get_absolute_url()) for row in rows}


def register():
    subjects.register("inquiry", inquiries)
