"""Every address, by room. `tests/test_access.py` fails for one that has no row in the access matrix."""

from django.urls import include, path

from core import views as core
from messaging import views as messaging

urlpatterns = [
    path("", include("admissions.urls")),
    path("", include("people.urls")),
    path("", include("work.urls")),
    path("", include("privacy.urls")),
    path("", include("messaging.urls")),
    path("", include("programs.urls")),
    path("", include("therapy.urls")),
    path("", include("referrals.urls")),
    path("", include("reports.urls")),
    path("", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("healthz", core.healthz, name="healthz"),
    path("healthz/deep", messaging.healthz_deep, name="healthz_deep"),
]
