"""Search for people. POST only: no name and no number stands in an address."""

from django.contrib.auth.decorators import permission_required
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.permissions import Permission
from people import reads
from people.search import Query, search


@require_http_methods(["GET", "POST"])
@permission_required(Permission.VIEW_PEOPLE, raise_exception=True)
def people(request):
    """The search page; a POST answers with who was found, to htmx with the list alone."""
    words = request.POST.get("q", "")
    today = request.facility.today() if request.facility else timezone.localdate()
    hits = search(request.user, words, today=today) if request.method == "POST" else []
    context = {
        "hits": hits,
        "search_words": words[:80].replace("\x00", ""),
        "is_asked": request.method == "POST" and bool(words.strip()),
        "is_enough": Query.of(words, today=today).is_enough,
        "today": today,
    }
    reads.record(request, [hit.person for hit in hits])
    template = "admissions/search_results.html" if request.htmx else "admissions/search.html"
    return render(request, template, context)
