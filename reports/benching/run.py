"""The whole benchmark: databases, servers, rounds, and one JSON line an operation."""

import os
import tempfile

from reports.benching.places import Database
from reports.benching.web import Client, Server, Timed, getting

SMALL = 10_000
REQUESTS_A_ROUND = 30


def bench(*, size, small, repeat, requests, keep, out, say):
    """Measure at `size` and `small` inquiries; `out(**line)` prints one line, `say(text)` tells progress."""
    with (
        Database(str(small), kept=keep) as little,
        Database(str(size), kept=keep) as big,
        tempfile.TemporaryDirectory() as static,
    ):
        out(machine=os.uname().release, cores=os.cpu_count(), sizes=[small, size], repeat=repeat, load1=_load())
        _, wall, cpu = little.manage("migrate", "-v0")
        out(
            operation="migrate an empty database",
            wall_s=round(wall, 1),
            cpu_s=round(cpu, 1),
            goal_cpu_s=15,
            met=cpu <= 15,
            load1=_load(),
        )
        big.manage("migrate", "-v0")
        for database, count in ((little, small), (big, size)):
            database.manage("createcachetable")
            say(f"seeding {count:,}")
            _, wall, _ = database.manage("seed_bench", "--inquiries", str(count))
            out(
                operation=f"seed {count:,} inquiries",
                wall_s=round(wall, 1),
                goal_wall_s=180 if count <= 100_000 else 1200,
                load1=_load(),
            )
        big.manage("collectstatic", "--noinput", "-v0", STATIC_ROOT=static)
        at = {database.name: database.probe("prepare")[0] for database in (little, big)}
        out(postgres=at[big.name]["postgres"])
        for line in big.probe("queries"):
            out(**line)
        _pages(little, big, at, static, repeat=repeat, out=out, say=say)
        _memory(big, at[big.name], static, requests=requests, out=out, say=say)


def _pages(little, big, at, static, *, repeat, out, say):
    """Pages through gunicorn, small and large and the limit in turn; then the raw limits and the service."""
    env = {"STATIC_ROOT": static, "LOG_LEVEL": "ERROR"}
    here = at[big.name]
    limit_env = big.environment(BENCH_FACILITY=here["facility"], DJANGO_SETTINGS_MODULE="")
    with (
        Server("config.wsgi:application", env=little.environment(**env)) as small,
        Server("config.wsgi:application", env=big.environment(**env)) as large,
        Server("reports.benching.limit_app:application", env=limit_env, first="/bare") as limit,
    ):
        out(
            operation="cold start, exec to first answer",
            s=round(large.seconds_to_answer, 2),
            cpu_s=round(large.cpu_seconds(with_master=True), 2),
            goal_s=3,
            met=large.seconds_to_answer <= 3,
            limit="bare Django",
            limit_s=round(limit.seconds_to_answer, 2),
            limit_cpu_s=round(limit.cpu_seconds(with_master=True), 2),
            load1=_load(),
        )
        paths = {
            "list": lambda info: [
                "/inquiries/",
                "/inquiries/?stage=closed",
                "/inquiries/?source=search",
                "/inquiries/?channel=web",
            ],
            "deep page": lambda info: [f"/inquiries/?after={key}" for key in info["deep"]],
            "record, 50 calls": lambda info: [f"/inquiries/{info['record']}/"],
            "dashboard, 30 days": lambda info: ["/dashboard/?days=30"],
        }
        measured = {}
        for name, of in paths.items():
            who = "bench1" if name.startswith("dashboard") else "bench0"
            for server, database in ((small, little), (large, big)):
                info = at[database.name]
                job = getting(Client(server.port, info["cookies"][who]), of(info))
                measured[name, database.name] = (Timed(server), job)
        measured["page", "limit"] = (Timed(limit), getting(Client(limit.port), ["/page"]))
        measured["bare", "limit"] = (Timed(limit), getting(Client(limit.port), ["/bare"]))
        for turn in range(repeat):
            say(f"round {turn + 1} of {repeat}")
            for times, job in measured.values():
                times.round(job, REQUESTS_A_ROUND)
    result = {key: times for key, (times, _) in measured.items()}
    raw = {line["raw"]: line for line in big.probe("raw", "--repeat", repeat)}
    page, bare = result["page", "limit"], result["bare", "limit"]

    def ours(name, limit, allowed, limit_words):
        large, small = result[name, big.name], result[name, little.name]
        growth, cpu_growth = large.p50 / small.p50, large.cpu / small.cpu
        out(
            operation=name,
            size=at[big.name]["inquiries"],
            p50_ms=_r(large.p50),
            p95_ms=_r(large.p95),
            cpu_ms=_r(large.cpu),
            limit=limit_words,
            limit_ms=_r(limit),
            ratio=_r(large.p50 / limit),
            goal=f"<= {allowed} x limit, growth <= 1.3",
            small_p50_ms=_r(small.p50),
            growth=_r(growth),
            cpu_growth=_r(cpu_growth),
            met=large.p50 <= allowed * limit and growth <= 1.3,
            load1=_load(),
        )

    out(
        operation="limit: 50 rows x 8 values through a plain template",
        p50_ms=_r(page.p50),
        p95_ms=_r(page.p95),
        cpu_ms=_r(page.cpu),
    )
    out(operation="limit: bare page", p50_ms=_r(bare.p50), p95_ms=_r(bare.p95), cpu_ms=_r(bare.cpu))
    ours("list", page.p50, 3, "50 rows through a template")
    ours("deep page", result["list", big.name].p50, 1.2, "our own first page")
    ours(
        "record, 50 calls", (12 * raw["record"]["p50"] + page.p50), 1, "12 x (raw detail + its calls) + template bound"
    )
    ours("dashboard, 30 days", page.p50, 3, "50 rows through a template")
    create = raw["create"]
    limit_ms = 25 * raw["insert"]["p50"] + raw["search"]["p50"]
    out(
        operation="create an inquiry (what the public form calls)",
        p50_ms=create["p50"],
        p95_ms=create["p95"],
        limit="25 x one committed insert + one trigram search",
        limit_ms=_r(limit_ms),
        ratio=_r(create["p50"] / limit_ms),
        cpu_ms=create["cpu"],
        raw_insert_ms=raw["insert"]["p50"],
        raw_search_ms=raw["search"]["p50"],
        met=create["p50"] <= limit_ms,
        load1=_load(),
    )


def _memory(big, info, static, *, requests, out, say):
    """Resident memory of one worker after a tenth and after all of `requests` mixed requests."""
    with (
        Server("config.wsgi:application", env=big.environment(STATIC_ROOT=static, LOG_LEVEL="ERROR")) as server,
        Server(
            "reports.benching.limit_app:application",
            first="/bare",
            env=big.environment(BENCH_FACILITY=info["facility"], DJANGO_SETTINGS_MODULE=""),
        ) as limit,
    ):
        staff, manager = (Client(server.port, info["cookies"][name]) for name in ("bench0", "bench1"))
        paths = ["/inquiries/", f"/inquiries/{info['record']}/", f"/people/{info['person']}/", "/inquire/bench-1/"]
        paths += [f"/inquiries/?after={key}" for key in info["deep"]]
        mixed, figures = getting(staff, paths), getting(manager, ["/dashboard/", "/dashboard/?days=7"])
        getting(Client(limit.port), ["/page"])()
        early = None
        for n in range(requests):
            (figures if n % 10 == 0 else mixed)()
            if n + 1 == max(requests // 10, 1):
                early = server.worker_mib()
                say(f"{n + 1} mixed requests: {early} MiB")
        late, bare = server.worker_mib(), limit.worker_mib()
        growth = late / early - 1
        out(
            operation=f"worker memory after {requests:,} mixed requests",
            mib=late,
            goal_mib=110,
            limit="bare worker",
            limit_mib=bare,
            ratio=_r(late / bare),
            goal_ratio=2.2,
            growth_from_a_tenth=f"{growth:.1%}",
            goal_growth="5%",
            met=late <= 110 and growth <= 0.05,
            load1=_load(),
        )


def _r(value):
    return round(value, 2)


def _load():
    return round(os.getloadavg()[0], 2)
