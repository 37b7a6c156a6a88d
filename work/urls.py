"""Addresses of this room."""

from django.urls import path

from work import views

app_name = "work"
urlpatterns = [
    path("promises/", views.promises, name="promises"),
]
