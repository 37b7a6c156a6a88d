"""Addresses of this room."""

app_name = "programs"
urlpatterns = []
