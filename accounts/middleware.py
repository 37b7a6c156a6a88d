"""Sessions that end on the server, the second factor, and the facility in view."""

from django.conf import settings
from django.contrib.auth import logout
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

POLL_HEADER = "X-Handrail-Poll"
STAMP_EVERY_SECONDS = 30


def is_poll(request):
    """A page asking for news by itself; no sign that anybody sits there."""
    return POLL_HEADER in request.headers


def session_limits(get_response):
    """End sessions after 15 idle minutes and after 12 hours, on the server.

    Polling is no activity. The stamps are epoch seconds in the session row; `started` is set at sign-in.
    """

    def middleware(request):
        if request.user.is_authenticated:
            now = int(timezone.now().timestamp())
            started = request.session.setdefault("started", now)
            active = request.session.setdefault("active", now)
            idle = now - active > settings.SESSION_IDLE_SECONDS
            over = now - started > settings.SESSION_ABSOLUTE_SECONDS
            if idle or (over and not request.session.get("call_until", 0) > now):
                logout(request)
                request.session["ended"] = "idle" if idle else "over"
            elif not is_poll(request) and now - active >= STAMP_EVERY_SECONDS:
                request.session["active"] = now
        return get_response(request)

    return middleware


def second_factor_required(get_response):
    """Outside demo mode nobody works without a second factor."""

    def middleware(request):
        if settings.SECOND_FACTOR_REQUIRED and request.user.is_authenticated:
            from allauth.mfa.utils import is_mfa_enabled

            allowed = ("/accounts/", "/static/", "/healthz")
            if not request.path.startswith(allowed) and not is_mfa_enabled(request.user):
                return redirect(reverse("mfa_activate_totp"))
        return get_response(request)

    return middleware


def current_facility(get_response):
    """Set `request.facility`: the one chosen in the switcher, else home, else the first. It grants nothing."""

    def middleware(request):
        request.facility = None
        if request.user.is_authenticated:
            facilities = {str(m.facility_id): m.facility for m in request.user.current_memberships()}
            chosen = request.session.get("facility") or str(request.user.home_facility_id)
            request.facility = facilities.get(chosen) or next(iter(facilities.values()), None)
        return get_response(request)

    return middleware
