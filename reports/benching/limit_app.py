"""The limit of a page: bare Django, one raw query, 50 rows of 8 values with one date filter through a plain template.

Served by gunicorn beside ours, on the same database. Nothing of Handrail is loaded.
"""

import os

import environ
from django.conf import settings

database = environ.Env().db_url("DATABASE_URL") | {"CONN_MAX_AGE": None}
settings.configure(
    DEBUG=False,
    SECRET_KEY="x" * 50,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    INSTALLED_APPS=[
        "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "django.contrib.messages",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [], "APP_DIRS": False}],
    DATABASES={"default": database},
)  # fmt: skip

import django  # noqa: E402

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.urls import path  # noqa: E402

FACILITY = os.environ["BENCH_FACILITY"]
QUERY = """
    SELECT i.id, i.opened_at, p.given_name, p.family_name, i.channel, i.stage, i.source, i.owner_id
      FROM admissions_inquiry i JOIN people_person p ON p.id = i.person_id
     WHERE i.facility_id = %s ORDER BY i.opened_at DESC, i.id DESC LIMIT 50"""
PAGE = engines["django"].from_string(
    """<html><body><table>{% for r in rows %}<tr><td><a href="/i/{{ r.0 }}/">{{ r.2 }} {{ r.3 }}</a></td>
<td>{{ r.4 }}</td><td>{{ r.5 }}</td><td>{{ r.1|date:"Y-m-d H:i" }}</td><td>{{ r.6 }}</td><td>{{ r.7 }}</td></tr>
{% endfor %}</table></body></html>"""
)


def page(request):
    with connection.cursor() as cursor:
        cursor.execute(QUERY, [FACILITY])
        return HttpResponse(PAGE.render({"rows": cursor.fetchall()}))


def bare(request):
    return HttpResponse("<p>ok</p>")


urlpatterns = [path("page", page), path("bare", bare)]
application = get_wsgi_application()
