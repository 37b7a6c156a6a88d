"""Addresses of this room."""

from django.urls import path

from programs import views

app_name = "programs"
urlpatterns = [
    path("beds/", views.board, name="board"),
    path("beds/<uuid:pk>/", views.bed, name="bed"),
    path("beds/<uuid:pk>/peek/", views.peek, name="peek"),
    path("beds/<uuid:pk>/block/", views.block, name="block"),
    path("beds/<uuid:pk>/edit/", views.bed_edit, name="bed_edit"),
    path("blocks/<uuid:pk>/end/", views.unblock, name="unblock"),
    path("holds/<uuid:pk>/extend/", views.extend, name="extend"),
    path("holds/<uuid:pk>/release/", views.release, name="release"),
    path("placements/", views.placements, name="placements"),
    path("appointments/", views.appointments, name="appointments"),
    path("people/<uuid:pk>/appointments/new/", views.appointment_new, name="appointment_new"),
    path("appointments/<uuid:pk>/", views.appointment, name="appointment"),
    path("appointments/<uuid:pk>/cancel/", views.appointment_cancel, name="appointment_cancel"),
    path("appointments/<uuid:pk>/kept/", views.appointment_kept, name="appointment_kept"),
    path("appointments/<uuid:pk>/missed/", views.appointment_missed, name="appointment_missed"),
    path("programs/", views.setup, name="setup"),
    path("programs/new/", views.program_new, name="program_new"),
    path("programs/<uuid:pk>/", views.program_edit, name="program_edit"),
    path("programs/<uuid:pk>/units/new/", views.unit_new, name="unit_new"),
    path("units/<uuid:pk>/", views.unit_edit, name="unit_edit"),
    path("units/<uuid:pk>/beds/new/", views.beds_new, name="beds_new"),
]
