"""Addresses of this room."""

app_name = "work"
urlpatterns = []
