"""Addresses of this room. Receiving one and referring out open or concern an inquiry: `admissions/urls.py`."""

from django.urls import path

from referrals import views

app_name = "referrals"
urlpatterns = [
    path("referrals/", views.referrals, name="list"),
    path("referrals/<uuid:pk>/", views.referral, name="referral"),
    path("referrals/<uuid:pk>/move/", views.move, name="move"),
    path("referrals/<uuid:pk>/send/", views.send, name="send"),
    path("partners/", views.partners, name="partners"),
    path("partners/new/", views.partner_new, name="partner_new"),
    path("partners/<uuid:pk>/", views.partner, name="partner"),
    path("partners/<uuid:pk>/edit/", views.partner_edit, name="partner_edit"),
    path("partners/<uuid:pk>/contacts/new/", views.contact_new, name="contact_new"),
]
