"""Addresses of this room."""

from django.urls import path

from privacy import views

app_name = "privacy"
urlpatterns = [
    path("people/<uuid:pk>/consents/", views.consents, name="consents"),
    path("people/<uuid:pk>/consents/new/", views.consent_new, name="consent_new"),
    path("consents/<uuid:pk>/", views.consent, name="consent"),
    path("consents/<uuid:pk>/revoke/", views.consent_revoke, name="consent_revoke"),
    path("people/<uuid:pk>/disclosures/", views.accounting, name="accounting"),
    path("disclosures/<uuid:pk>/", views.disclosure, name="disclosure"),
    path("reads/", views.reads, name="reads"),
]
