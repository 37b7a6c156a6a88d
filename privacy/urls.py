"""Addresses of this room."""

app_name = "privacy"
urlpatterns = []
