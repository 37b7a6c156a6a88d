"""Addresses of this room."""

from django.urls import path

from messaging import views

app_name = "messaging"
urlpatterns = [
    path("messages/", views.index, name="mailbox"),
    path("messages/<uuid:pk>/", views.show, name="message"),
    path("messages/stop/<uuid:pk>/", views.opt_out, name="opt_out"),
]
