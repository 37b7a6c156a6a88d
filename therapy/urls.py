"""Addresses of this room."""

app_name = "therapy"
urlpatterns = []
