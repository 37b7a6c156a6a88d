"""Addresses of this room."""

app_name = "admissions"
urlpatterns = []
