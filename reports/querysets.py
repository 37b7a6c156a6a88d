"""Counting many lists in one query, and the days they fall on."""

from django.db.models import Count, DurationField, F, Func, IntegerField, Q, Subquery
from django.db.models.fields import DateField

from accounts.models import Facility
from admissions.enums import Stage


class CountOf(Subquery):
    """How many rows a queryset has, as one value of another query."""

    template = "(SELECT count(*) FROM (%(subquery)s) _counted)"
    output_field = IntegerField()

    def __init__(self, queryset):
        super().__init__(queryset.order_by().values("pk"))


class MedianOf(Subquery):
    """The median of an annotation `value` of a queryset, as one value of another query."""

    template = "(SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY value) FROM (%(subquery)s) _measured)"
    output_field = DurationField()

    def __init__(self, queryset, value):
        super().__init__(queryset.order_by().annotate(value=value).values("value"))


def numbers(period, *, counts, medians=None):
    """{key: number} of named querysets, all in one query. `medians` is {key: (queryset, expression)}."""
    # The prefix keeps clear of the names of our fields.
    wanted: dict[str, Subquery] = {f"n_{key}": CountOf(queryset) for key, queryset in counts.items()}
    wanted |= {f"n_{key}": MedianOf(*measured) for key, measured in (medians or {}).items()}
    found = Facility.objects.filter(pk=period.facilities[0].pk).values(**wanted).get()
    return {key.removeprefix("n_"): value for key, value in found.items()}


def by_day_and_source(queryset):
    """Rows (day, source, inquiries, reached, admitted, reached or admitted); the day is the facility's own."""
    day = Func(
        F("facility__zone"),
        F("opened_at"),
        function="timezone",
        template="(%(function)s(%(expressions)s))::date",
        output_field=DateField(),
    )
    was_reached, was_admitted = Q(first_reached_at__isnull=False), Q(stage=Stage.ADMITTED)
    return (
        queryset.order_by()
        .values_list(day, "source")
        .annotate(
            n=Count("pk"),
            reached=Count("pk", filter=was_reached),
            admitted=Count("pk", filter=was_admitted),
            either=Count("pk", filter=was_reached | was_admitted),
        )
    )


def by_program_and_use(beds):
    """Rows (facility, program id, program, what takes them, how many) of beds with `taken_by_kind`, in board order."""
    order = ("unit__program__facility__name", "unit__program__position", "unit__program__name")
    return (
        beds.order_by(*order)
        .values_list(order[0], "unit__program_id", order[2], "taken_by_kind")
        .annotate(count=Count("pk"))
    )
