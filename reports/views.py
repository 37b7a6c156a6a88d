"""The manager's page, and the list behind each of its figures."""

from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.models import Facility
from accounts.permissions import Permission
from people import reads
from reports import dashboard as content
from reports import lists
from reports.definitions import FIGURES
from reports.periods import DAYS, Period


@require_GET
@permission_required(Permission.VIEW_REPORTS, raise_exception=True)
def dashboard(request):
    """Figures of the last 7, 30 or 90 days, at the facility in view or at all that the user may see figures of."""
    period, everywhere = _asked(request)
    return render(
        request,
        "reports/dashboard.html",
        _head(request, period, everywhere)
        | content.content(period, everywhere=everywhere)
        | {"figures": FIGURES.values()},
    )


@require_GET
@permission_required(Permission.VIEW_REPORTS, raise_exception=True)
def figure_list(request, figure):
    """The rows that one figure counts, newest first; who they are is shown where the user may see people."""
    if figure not in FIGURES:
        raise Http404
    period, everywhere = _asked(request)
    page = lists.page(
        FIGURES[figure], period, request.GET, sees=set(request.user.facility_ids(Permission.VIEW_PEOPLE))
    )
    reads.record(request, page.persons)
    back = content.url("inquiries", period, everywhere).partition("?")[2]
    return render(
        request,
        "reports/list.html",
        _head(request, period, everywhere) | {"figure": FIGURES[figure], "page": page, "back": back},
    )


def _asked(request):
    """(Period, whether all facilities were asked for). An odd parameter means the default."""
    user = request.user
    mine = [membership.facility for membership in user.current_memberships()]
    mine = [facility for facility in mine if user.may(Permission.VIEW_REPORTS, facility)]
    if not mine:
        raise PermissionDenied
    here = [facility for facility in mine if facility == request.facility]
    everywhere = request.GET.get("at") == "all" or not here
    days = request.GET.get("days", "")
    days = int(days) if days in {str(n) for n in DAYS} else 30
    return Period(tuple(_once(mine) if everywhere else here[:1]), days), everywhere


def _once(facilities: list[Facility]):
    return list({facility.pk: facility for facility in facilities}.values())


def _head(request, period, everywhere):
    return {
        "period": period,
        "everywhere": everywhere,
        "choices": DAYS,
        "places": " and ".join(facility.name for facility in period.facilities),
        "here": request.facility,
        "has_more": len(
            {m.facility_id for m in request.user.current_memberships() if Permission.VIEW_REPORTS in m.granted()}
        )
        > 1,
        "now": period.now.astimezone(period.facilities[0].time_zone),
    }
