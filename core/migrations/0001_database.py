"""Extensions, the accent-blind search function and the throttle table, before any model needs them."""

from django.contrib.postgres.operations import (
    BtreeGistExtension,
    TrigramExtension,
    UnaccentExtension,
)
from django.contrib.postgres.operations import CreateExtension
from django.db import migrations

SEARCHABLE = """
CREATE FUNCTION handrail_searchable(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN lower(public.unaccent('public.unaccent'::regdictionary, value));
"""
THROTTLE = """
CREATE UNLOGGED TABLE throttle_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
CREATE INDEX throttle_cache_expires ON throttle_cache (expires);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        BtreeGistExtension(),
        TrigramExtension(),
        UnaccentExtension(),
        CreateExtension("fuzzystrmatch"),
        migrations.RunSQL(SEARCHABLE, "DROP FUNCTION handrail_searchable(text)"),
        migrations.RunSQL(THROTTLE, "DROP TABLE throttle_cache"),
    ]
