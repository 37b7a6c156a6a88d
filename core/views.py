"""Pages without a word of the domain: errors and health."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET


def csrf_failure(request, reason=""):
    """The form was opened too long ago or in another browser; nothing was saved."""
    return render(request, "403_csrf.html", status=403)


@login_not_required
@require_GET
def healthz(request):
    """The process is up."""
    return HttpResponse("ok", content_type="text/plain")
