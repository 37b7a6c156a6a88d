"""Addresses of staff, facilities and one's own settings. Signing in is under /accounts/ (allauth)."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("me/", views.profile, name="profile"),
    path("me/stay/", views.stay, name="stay"),
    path("me/facility/", views.switch_facility, name="switch_facility"),
    path("staff/", views.staff, name="staff"),
    path("staff/invite/", views.invite, name="invite"),
    path("staff/invited/<uuid:public_id>/", views.invited, name="invited"),
    path("staff/<int:pk>/", views.member, name="member"),
    path("staff/<int:pk>/end/", views.end_membership, name="end_membership"),
    path("join/<str:token>/", views.accept, name="accept"),
    path("facility/", views.facility, name="facility"),
]
