"""Addresses of this room."""

from django.urls import path

from therapy import views

app_name = "therapy"
urlpatterns = [
    path("caseload/", views.caseload, name="caseload"),
    path("placements/<uuid:pk>/therapies/new/", views.assign, name="assign"),
    path("therapies/<uuid:pk>/", views.change, name="change"),
    path("therapies/<uuid:pk>/end/", views.end, name="end"),
]
