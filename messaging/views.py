"""The mailbox, one message, a spoken stop, and the deep health check."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, permission_required
from django.db import transaction
from django.http import HttpResponseNotModified, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.middleware import is_poll
from accounts.permissions import Permission
from core.errors import Refused
from core.idempotency import idempotent
from messaging import health, lists, mailbox, providers, services
from messaging.forms import OptOutForm
from messaging.models import Message
from people import reads
from people.models import ContactPoint


@require_GET
@permission_required(Permission.VIEW_MESSAGES, raise_exception=True)
def index(request):
    """Outgoing messages of the facility in view; a poll that finds nothing new gets 304 and is no read."""
    page = lists.page(
        request.user,
        request.facility,
        shown=request.GET.get("show", ""),
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    if is_poll(request) and request.headers.get("If-None-Match") == page.etag:
        return HttpResponseNotModified(headers={"ETag": page.etag})
    context = {"page": page, "filters": [(code, words) for code, (words, _) in lists.SHOWN.items()]}
    reads.record(request, page.people)
    response = render(
        request, "messaging/mailbox_list.html" if is_poll(request) else "messaging/mailbox.html", context
    )
    response.headers["ETag"] = page.etag
    return response


@require_GET
@permission_required(Permission.VIEW_MESSAGES, raise_exception=True)
def show(request, pk):
    """One message: where it stands, each try, and on one's own machine the mail as it arrived."""
    rows = Message.objects.visible_to(request.user, Permission.VIEW_MESSAGES).for_list()
    message = get_object_or_404(rows, public_id=pk)
    can_stop = message.contact_point_id and request.user.may(Permission.LOG_CALL, message.facility_id)
    context = {
        "message": message,
        "line": lists.line(message, timezone.now()),
        "zone": message.facility.time_zone,
        "tries": [
            {"row": row, "words": lists.OUTCOMES[row.outcome]} for row in message.attempts.order_by("number")[:50]
        ],
        "mail": _mail(message),
        "can_stop": can_stop and not services.has_opted_out(message.contact_point),
    }
    reads.record(request, [message.person_id])
    return render(request, "messaging/message.html", context)


def _mail(message):
    """The mail as the local server kept it: sender, subject and text; None elsewhere."""
    provider = providers.for_channel(message.channel)
    if provider is None or not provider.can_be_asked:
        return None
    mail = mailbox.read(providers.message_id(message))
    return mail and {"sender": mail["From"], "subject": mail["Subject"], "text": mailbox.text_of(mail)}


@require_http_methods(["GET", "POST"])
@permission_required(Permission.LOG_CALL, raise_exception=True)
@idempotent
def opt_out(request, pk):
    """Write down that somebody wants no more automated messages at this address; effective at once."""
    rows = ContactPoint.objects.visible_to(request.user, Permission.LOG_CALL).select_related("person")
    point = get_object_or_404(rows.filter(kind__in=services.CHANNEL_OF), pk=pk)
    form = OptOutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.opt_out(point, source=form.cleaned_data["source"], by=request.user, facility=request.facility)
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Written down. No automated message goes there from now on.")
            return redirect(point.person)
    context = {"point": point, "person": point.person, "form": form, "is_out": services.has_opted_out(point)}
    reads.record(request, [point.person_id])
    return render(request, "messaging/opt_out.html", context, status=422 if form.errors else 200)


@login_not_required
@transaction.non_atomic_requests
@require_GET
def healthz_deep(request):
    """Whether promises are being kept: 200, or 503 when somebody must look. No word about anybody."""
    is_well, figures = health.report()
    return JsonResponse(figures, status=200 if is_well else 503)
