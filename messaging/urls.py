"""Addresses of this room."""

app_name = "messaging"
urlpatterns = []
