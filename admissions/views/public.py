"""The public inquiry form: what is sent is committed, then thanked; the same answer for everybody."""

import hashlib
import time

from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, requires_csrf_token
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import Facility
from admissions.enums import Danger
from admissions.forms.public import OK_TO, SUBSTANCES, InquiryForm
from admissions.public import canonical, pressure, receive_web_inquiry
from core.idempotency import idempotent

HONEYPOT = "website"
FASTEST_SECONDS = 2
SALT = "handrail.inquire"
NOT_KEPT = {"csrfmiddlewaretoken", "idempotency_key", "opened"}


@login_not_required
@csrf_exempt  # checked below, so that a failure keeps what was typed
@requires_csrf_token
@require_http_methods(["GET", "POST"])
def public_form(request, slug):
    """Ask for help at one facility. Works without a script, a worker or a broker."""
    facility = Facility.objects.filter(slug=slug, is_active=True).first()
    if facility is None:
        return render(request, "admissions/public_unknown.html", status=404)
    if request.method == "GET":
        return _show(request, facility, InquiryForm(initial=_hidden(request.GET)))
    if _is_forged(request):
        return _show(request, facility, _form(request), status=403, is_old=True)
    level = pressure(request, facility)
    if level == "flood":
        return render(request, "admissions/public_busy.html", {"facility": facility}, status=429)
    form = _form(request)
    if not form.is_valid():
        return _show(request, facility, form)
    request.suspect = _suspicion(request, level)
    return _receive(request, facility)


@login_not_required
@require_GET
def public_thanks(request, slug):
    """The same words for everybody; nothing in the address says what was sent."""
    facility = Facility.objects.filter(slug=slug, is_active=True).first()
    if facility is None:
        return render(request, "admissions/public_unknown.html", status=404)
    return render(request, "admissions/public_thanks.html", {"facility": facility})


def _receive(request, facility):
    """Two identical sends of one opened form make one inquiry; a corrected one makes another."""
    key = request.POST.get("idempotency_key", "")
    if not 8 <= len(key) <= 64 or "\x00" in key:
        return _write(request, facility)
    content = repr([(name, request.POST.getlist(name)) for name in sorted(request.POST) if name not in NOT_KEPT])
    posted = request.POST.copy()
    posted["idempotency_key"] = hashlib.sha256(f"{key}:{content}".encode("utf-8", "replace")).hexdigest()
    request.POST = posted
    return idempotent(_write)(request, facility)


def _write(request, facility):
    fields = {name: texts if len(texts) > 1 else texts[0] for name, texts in request.POST.lists() if texts}
    receive_web_inquiry(
        facility, {name: value for name, value in fields.items() if name not in NOT_KEPT}, suspect=request.suspect
    )
    return redirect("admissions:public_thanks", slug=facility.slug)


def _form(request):
    """The form over what was posted, whichever names a site's own form gave the fields."""
    named = canonical(dict(request.POST.lists()))
    data = request.POST.copy()
    for name, values in named.items():
        data.setlist(name, values)
    data.setlist("substances", [text for text in named.get("substances", []) if text in SUBSTANCES])
    data.setlist("ok", [text for text in named.get("ok", []) if text in dict(OK_TO)])
    if data.get("danger") not in Danger.values:
        data["danger"] = ""
    return InquiryForm(data)


def _show(request, facility, form, *, status=200, is_old=False):
    return render(
        request,
        "admissions/public_form.html",
        {
            "facility": facility,
            "form": form,
            "is_old": is_old,
            "opened": signing.dumps(int(time.time()), salt=SALT),
            "honeypot": HONEYPOT,
            "marks": _hidden(request.POST if request.method == "POST" else request.GET),
            "more_is_open": form.is_bound
            and any(form.data.get(name) for name in ("last", "email", "message", "person")),
        },
        status=status,
    )


def _suspicion(request, level):
    """Why this may be spam, as a short code, or "". It marks, it never drops: people in a crisis type fast."""
    if request.POST.get(HONEYPOT):
        return "honeypot"
    opened = request.POST.get("opened")
    if opened:
        try:
            if time.time() - signing.loads(opened, salt=SALT) < FASTEST_SECONDS:
                return "too_fast"
        except (signing.BadSignature, TypeError, ValueError):
            return "opened_unreadable"
    return "busy" if level == "busy" else ""


def _hidden(query):
    """Campaign marks that came with the address; kept with the submission, shown to nobody outside."""
    return {
        name: query[name][:200]
        for name in ("utm_source", "utm_medium", "utm_campaign", "gclid")
        if query.get(name) and query[name].isprintable()
    }


def _is_forged(request):
    return (
        CsrfViewMiddleware(lambda request: HttpResponse()).process_view(request, public_form_checked, (), {})
        is not None
    )


def public_form_checked(request):
    """What the check above is asked about: a view that is not exempt."""
