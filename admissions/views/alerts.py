"""Emergency alerts: what was done is recorded here too, and a second person closes them."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.permissions import Permission
from admissions import safety
from admissions.forms.calls import ActionForm
from admissions.models import SafetyCheck
from core.errors import Refused
from people import reads


@permission_required(Permission.CLOSE_ALERT, raise_exception=True)
@require_GET
def alerts(request):
    """Emergencies no second person has closed, the oldest first."""
    rows = list(safety.open_alerts(request.user)[:100])
    reads.record(request, [p for row in rows if row.inquiry_id for p in (row.inquiry.person, row.inquiry.caller)])
    return render(request, "admissions/alerts.html", {"alerts": rows})


@permission_required(Permission.LOG_CALL, raise_exception=True)
@require_http_methods(["GET", "POST"])
def alert(request, pk):
    """One emergency: what is known, and the record of what was done (POST). A web inquiry's is recorded here."""
    check = get_object_or_404(
        SafetyCheck.objects.visible_to(request.user, Permission.LOG_CALL).select_related(
            "facility",
            "inquiry__person",
            "inquiry__caller",
            "inquiry__contact_point",
            "asked_by",
            "action_by",
            "closed_by",
        ),
        pk=pk,
    )
    form = ActionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            safety.record_action(
                check, action=form.cleaned_data["action"], note=form.cleaned_data["note"], by=request.user
            )
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("admissions:alert", pk=check.pk)
    inquiry = check.inquiry
    reads.record(request, [inquiry.person, inquiry.caller] if inquiry else [])
    return render(
        request,
        "admissions/alert.html",
        {
            "check": check,
            "inquiry": inquiry,
            "form": form,
            "words": safety.emergency_words(),
            "zone": check.facility.zone,
            "may_close": request.user.may(Permission.CLOSE_ALERT, check.facility)
            and check.action
            and check.action_by_id != request.user.pk,
        },
    )


@permission_required(Permission.CLOSE_ALERT, raise_exception=True)
@require_POST
def alert_close(request, pk):
    """A supervisor other than who acted ends the alert."""
    check = get_object_or_404(SafetyCheck.objects.visible_to(request.user, Permission.CLOSE_ALERT), pk=pk, is_e1=True)
    try:
        safety.close_alert(check, by=request.user, outcome=request.POST.get("outcome", ""))
    except Refused as refusal:
        messages.warning(request, str(refusal))
    return redirect("admissions:alerts")
