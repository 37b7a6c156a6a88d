"""Take the demo out again, with everything people did in it, in one transaction.

Which rows belong to it is asked of the models: a row belongs when it points at a row that belongs, starting
from the facilities marked by `demo.made`. Append-only tables let go because their triggers are told to look
away for this transaction (`pgtrigger.ignore`), which needs no superuser. Foreign keys are checked at
the commit, so no order is needed; a row that was forgotten makes the whole removal fail.
"""

import pgtrigger
from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction

from accounts.models import Facility, User
from core.models import Happening, IdempotencyKey
from people.models import Organization, Person
from reports.seeding.marks import MADE


def remove():
    """Remove every facility marked as demo and all that hangs on it. Answers rows removed by table."""
    marks = list(Happening.objects.filter(verb=MADE))
    if not marks:
        return {"removed": 0}
    roots = {
        Facility: [mark.place_id for mark in marks],
        User: sorted({pk for mark in marks for pk in mark.data["users"]}),
        Organization: sorted({pk for mark in marks for pk in mark.data["organizations"]}),
    }
    with transaction.atomic(), pgtrigger.ignore(), connection.cursor() as cursor:
        doomed = _Doomed(cursor)
        for model, ids in roots.items():
            doomed.add(model, "id = ANY(%s)", [[model._meta.pk.to_python(pk) for pk in ids]])
        doomed.add(
            Person,
            "id IN (SELECT person_id FROM people_personatfacility"
            " WHERE facility_id IN (SELECT id FROM doomed_accounts_facility))"
            " AND NOT EXISTS (SELECT FROM people_personatfacility k WHERE k.person_id = people_person.id"
            " AND k.facility_id NOT IN (SELECT id FROM doomed_accounts_facility))",
        )
        doomed.follow()
        doomed.add(
            Happening,
            "place_id IN (SELECT id FROM doomed_accounts_facility)"
            " OR about_id IN (SELECT id FROM doomed_people_person)",
        )
        doomed.add(IdempotencyKey, "actor IN (SELECT id::text FROM doomed_accounts_user)")
        _sign_out(cursor)
        removed = doomed.delete()
        doomed.forget()
        return removed


class _Doomed:
    """Ids of rows that go, one temporary table a model."""

    def __init__(self, cursor):
        self.cursor = cursor
        there = set(connection.introspection.table_names(cursor))  # some models of packages have no table
        self.models = [model for model in apps.get_models(include_auto_created=True) if model._meta.db_table in there]
        self.made = set()

    def table(self, model):
        name = f"doomed_{model._meta.db_table}"
        if name not in self.made:
            kind = model._meta.pk.rel_db_type(connection)
            self.cursor.execute(f'CREATE TEMP TABLE "{name}" (id {kind} PRIMARY KEY) ON COMMIT DROP')
            self.made.add(name)
        return name

    def add(self, model, condition, params=()):
        """Doom the rows of `model` that meet `condition` (SQL); answers how many were not doomed before."""
        table, pk = model._meta.db_table, model._meta.pk.column
        self.cursor.execute(
            f'INSERT INTO "{self.table(model)}" SELECT "{table}"."{pk}" FROM "{table}" WHERE {condition}'
            " ON CONFLICT DO NOTHING",
            params,
        )
        return self.cursor.rowcount

    def follow(self):
        """Doom what points at doomed rows, until nothing new is found."""
        changed = True
        while changed:
            changed = False
            for model in self.models:
                for field in self._ways_in(model):
                    target = f"doomed_{field.related_model._meta.db_table}"
                    if target in self.made:
                        changed |= bool(self.add(model, f'"{field.column}" IN (SELECT id FROM "{target}")'))

    def _ways_in(self, model):
        """Foreign keys by which a row belongs to what it points at. A history row belongs to its row alone."""
        if hasattr(model, "pgh_obj"):
            return [model._meta.get_field("pgh_obj")]
        return [
            field
            for field in model._meta.concrete_fields
            if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is not models.SET_NULL
        ]

    def delete(self):
        """Delete all doomed rows; answers how many by table."""
        self._let_go()
        removed = {}
        for model in self.models:
            name, table, pk = f"doomed_{model._meta.db_table}", model._meta.db_table, model._meta.pk.column
            if name in self.made:
                self.cursor.execute(f'DELETE FROM "{table}" WHERE "{pk}" IN (SELECT id FROM "{name}")')
                if self.cursor.rowcount:
                    removed[table] = self.cursor.rowcount
        return removed

    def forget(self):
        """Drop the lists of ids, for a caller whose transaction goes on."""
        for name in self.made:
            self.cursor.execute(f'DROP TABLE "{name}"')

    def _let_go(self):
        """Where a foreign key may be empty, rows that stay lose it, as on_delete=SET_NULL says."""
        for model in self.models:
            for field in model._meta.concrete_fields:
                if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is models.SET_NULL:
                    target = f"doomed_{field.related_model._meta.db_table}"
                    if target in self.made:
                        self.cursor.execute(
                            f'UPDATE "{model._meta.db_table}" SET "{field.column}" = NULL'
                            f' WHERE "{field.column}" IN (SELECT id FROM "{target}")'
                        )


def _sign_out(cursor):
    """End the sessions of demo accounts."""
    cursor.execute("SELECT id::text FROM doomed_accounts_user")
    users = {pk for (pk,) in cursor.fetchall()}
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") in users:
            session.delete()
