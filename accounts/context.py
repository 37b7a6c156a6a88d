"""What the shell around every staff page needs: where I am, where I can go, how I like it."""

import datetime as dt
import functools

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts.permissions import Permission, Role

# (label, URL name, icon, the permission it takes, "g" key or "")
Entry = tuple[str, str, str, Permission, str]
WORKBENCH = ("Workbench", "admissions:workbench", "list-check", Permission.LOG_CALL, "g w")
INQUIRIES = ("Inquiries", "admissions:inquiries", "inbox", Permission.VIEW_PEOPLE, "")
PEOPLE = ("People", "admissions:people", "people", Permission.VIEW_PEOPLE, "g p")
BEDS = ("Bed board", "programs:board", "grid-3x3-gap", Permission.VIEW_PEOPLE, "g b")
REFERRALS = ("Referrals", "referrals:list", "arrow-left-right", Permission.VIEW_PEOPLE, "")
PARTNERS = ("Partners", "referrals:partners", "building", Permission.VIEW_PEOPLE, "")
MESSAGES = ("Messages", "messaging:mailbox", "chat-text", Permission.VIEW_MESSAGES, "")
CASELOAD = ("My caseload", "therapy:caseload", "person-lines-fill", Permission.ASSIGN_THERAPY, "")
DECISIONS = ("Decisions", "admissions:decisions", "clipboard-check", Permission.DECIDE, "")
PLACEMENTS = ("Placements", "programs:placements", "signpost-split", Permission.VIEW_PEOPLE, "")
PROMISES = ("Promises", "work:promises", "alarm", Permission.VIEW_PEOPLE, "")
DASHBOARD = ("Dashboard", "reports:dashboard", "bar-chart", Permission.VIEW_REPORTS, "g t")
STAFF = ("Staff", "accounts:staff", "person-badge", Permission.MANAGE_STAFF, "")
FACILITY = ("Facility", "accounts:facility", "building-gear", Permission.MANAGE_FACILITY, "")
PROGRAMS = ("Programs and beds", "programs:setup", "diagram-3", Permission.MANAGE_FACILITY, "")
READS = ("Who read what", "privacy:reads", "eye", Permission.VIEW_ACCOUNTING, "")

NAVIGATION = {
    Role.COORDINATOR: [WORKBENCH, INQUIRIES, PEOPLE, BEDS, REFERRALS, PARTNERS, MESSAGES],
    Role.CLINICIAN: [CASELOAD, DECISIONS, PLACEMENTS, BEDS, WORKBENCH, INQUIRIES, PEOPLE, REFERRALS],
    Role.MANAGER: [DASHBOARD, PROMISES, WORKBENCH, INQUIRIES, BEDS, PLACEMENTS, PEOPLE, REFERRALS, PARTNERS, MESSAGES],
    Role.ADMIN: [STAFF, FACILITY, PROGRAMS],
}
# The phone's bar holds four and "More"; the call stands in the middle for those who take calls.
TABS: dict[Role, list[Entry | None]] = {
    Role.COORDINATOR: [WORKBENCH, PEOPLE, None, BEDS],
    Role.CLINICIAN: [CASELOAD, DECISIONS, PLACEMENTS, BEDS],
    Role.MANAGER: [DASHBOARD, PROMISES, INQUIRIES, BEDS],
    Role.ADMIN: [STAFF, FACILITY, PROGRAMS],
}
SHORT = {"Workbench": "Work", "Bed board": "Beds", "My caseload": "Caseload", "Programs and beds": "Programs"}


def shell(request):
    """Context `shell` (keys: docs/frontend.md); None when signed out or nobody's facility."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"shell": None}
    facility = getattr(request, "facility", None)
    memberships = user.current_memberships()
    here = next((m for m in memberships if facility and m.facility_id == facility.pk), None)
    role = Role(here.role) if here else None
    granted = here.granted() if here else set()
    now = timezone.now()
    local = now.astimezone(facility.time_zone) if facility else now
    facilities = {m.facility_id: m.facility for m in memberships}
    return {
        "shell": {
            "facility": facility
            and {"name": facility.name, "zone_label": zone_label(facility, now), "pk": facility.pk},
            "facilities": [{"name": f.name, "pk": f.pk} for f in facilities.values()],
            "nav": _items(request, NAVIGATION[role] if role else [], granted),
            "tabs": _tabs(request, role, granted),
            "user_name": str(user),
            "initials": user.initials,
            "role_label": role.label if role else "No facility yet",
            "theme": user.theme,
            "letters": user.has_letter_keys,
            "now": local,
            "idle_seconds": settings.SESSION_IDLE_SECONDS,
            "search_url": _url("admissions:people"),
            "log_call_url": _url("admissions:call_new") if Permission.LOG_CALL in granted else "",
            "settings_url": reverse("accounts:profile"),
        }
    }


def zone_label(facility, now):
    """The zone in words staff use, such as "Central time"; the city's name elsewhere."""
    offset = now.astimezone(facility.time_zone).utcoffset() or dt.timedelta()
    dst = now.astimezone(facility.time_zone).dst() or dt.timedelta()
    said: dict[float, str] = {-5: "Eastern", -6: "Central", -7: "Mountain", -8: "Pacific", -9: "Alaska", -10: "Hawaii"}
    hours = (offset - dst).total_seconds() / 3600
    if facility.zone.startswith(("America/", "US/", "Pacific/Honolulu")) and hours in said:
        return f"{said[hours]} time"
    return facility.zone.rsplit("/", 1)[-1].replace("_", " ")


@functools.cache
def _url(name):
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def _items(request, entries, granted):
    return [_item(request, entry) for entry in entries if entry[3] in granted and _url(entry[1])]


def _item(request, entry):
    label, name, icon, _permission, key = entry
    url = _url(name)
    return {
        "label": label,
        "url": url,
        "icon": icon,
        "key": key,
        "count": None,
        "late": False,
        "current": request.path.startswith(url) if url != "/" else request.path == url,
    }


def _tabs(request, role, granted):
    tabs = []
    for entry in TABS[role] if role else []:
        if entry is None:
            if Permission.LOG_CALL in granted and _url("admissions:call_new"):
                call = {"label": "Call", "url": _url("admissions:call_new"), "icon": "telephone-plus", "is_call": True}
                tabs.append(call | {"current": False})
        elif entry[3] in granted and _url(entry[1]):
            item = _item(request, entry)
            tabs.append(item | {"label": SHORT.get(item["label"], item["label"]), "is_call": False})
    more = {"label": "More", "url": "#more", "icon": "three-dots", "current": False, "is_call": False}
    return [*tabs, more]
