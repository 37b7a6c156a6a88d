"""One create request makes one row: a double click, a client's retry and the back button included.

Forms carry `{% idempotency_key %}`, API clients the header `Idempotency-Key`. The key is inserted
in the transaction of the work, so a concurrent repeat waits for the first and then gets its answer;
when the work does not succeed the key is given back.
"""

import functools
import hashlib

from django.db import IntegrityError, OperationalError, transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from core import happenings
from core.models import IdempotencyKey

LOCK_NOT_AVAILABLE = "55P03"
IGNORED_FIELDS = {"csrfmiddlewaretoken", "idempotency_key"}


def idempotent(view):
    """Decorate a view whose POST creates something and answers success with a redirect (or 201).

    A repeat with the same key and content answers the same again and does nothing; the same key
    with other content is refused with 409; a POST without a key is refused with 400. The key is bound
    to the user. A replay is written down as a happening.
    """

    @functools.wraps(view)
    def wrapper(request, *args, **kwargs):
        if request.method != "POST":
            return view(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key") or request.POST.get("idempotency_key", "")
        if not 8 <= len(key) <= 64 or "\x00" in key:
            return _refuse(
                request, 400, "This form was opened in an unusual way. Open it again and send it once more."
            )
        actor = str(request.user.pk) if request.user.is_authenticated else "public"
        route = request.resolver_match.view_name[:120]
        fingerprint = _fingerprint(request)
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(
                    actor=actor, key=key, route=route, fingerprint=fingerprint, location="", status=0
                )
                response = view(request, *args, **kwargs)
                if response.status_code in (201, 302, 303):
                    row.location = response.headers.get("Location", "")
                    row.status = response.status_code
                    row.save(update_fields=["location", "status"])
                else:
                    row.delete()
            return response
        except IntegrityError as error:
            if "core_idempotencykey_once" not in str(error):
                raise
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            return _refuse(request, 409, "This form is still being saved. Look at the list before you send it again.")
        row = IdempotencyKey.objects.get(actor=actor, key=key)
        if row.fingerprint != fingerprint or row.route != route:
            return _refuse(
                request, 409, "This form was already sent with other content. Open it again to send a new one."
            )
        happenings.record(
            "form.repeated",
            "The same form arrived again. Nothing was done twice.",
            by=request.user if request.user.is_authenticated else None,
            route=route,
        )
        if row.status == 201:
            return HttpResponse(status=201, headers={"Location": row.location})
        return HttpResponseRedirect(row.location)

    return wrapper


def _fingerprint(request):
    """SHA-256 of path and content, so that the content itself is never kept."""
    digest = hashlib.sha256(request.path.encode())
    for name in sorted(request.POST):
        if name not in IGNORED_FIELDS:
            digest.update(repr((name, request.POST.getlist(name))).encode("utf-8", "surrogatepass"))
    for name in sorted(request.FILES):
        for upload in request.FILES.getlist(name):
            digest.update(repr((name, upload.name, upload.size)).encode("utf-8", "surrogatepass"))
    if request.content_type == "application/json":
        digest.update(request.body)
    return digest.hexdigest()


def _refuse(request, status, sentence):
    return render(request, "refused.html", {"sentence": sentence}, status=status)
