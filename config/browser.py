"""A browser for the tests where none is installed: by apt as root, else unpacked beside the project."""

import ctypes
import os
import shutil
import subprocess

from config.bootstrap import ROOT, apt_install

FOLDER = ROOT / ".local-browser"
UNPACKED = FOLDER / "usr/lib/chromium/chromium-headless-shell"
NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
# Playwright's own driver needs libatomic, and without a font Chromium's renderer dies.
PACKAGES = ["chromium-headless-shell", "libatomic1", "fonts-liberation"]


def environment():
    """The variables that show the tests a browser; empty, with one line printed, where there is none."""
    if os.environ.get("CHROMIUM"):
        return {}
    found = _installed()
    if not found and not UNPACKED.exists() and shutil.which("apt-get"):
        print("Getting a browser for the tests (first run only) …", flush=True)
        if os.geteuid() == 0:
            apt_install(PACKAGES)
        else:
            _unpack()
        found = _installed()
    if found:
        return {"CHROMIUM": found}
    if UNPACKED.exists():
        return _environment_of_unpacked()
    print(
        "NO BROWSER: the browser tests cannot run. Install Chromium (Debian: apt-get install "
        f"{' '.join(PACKAGES)}) or name one in CHROMIUM.",
        flush=True,
    )
    return {}


def _installed():
    try:
        ctypes.CDLL("libatomic.so.1")
    except OSError:
        return None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _unpack():
    """Fetch Debian's packages with apt's state inside the project: no privilege needed, nothing installed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    state, target = FOLDER / "apt", FOLDER / "new"
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True)
    target.mkdir()
    try:
        shutil.copy("/var/lib/dpkg/status", state / "status")
        settings = [
            *(f"Dir::State={state}", f"Dir::State::Lists={state}/lists", f"Dir::State::status={state}/status"),
            *(f"Dir::Cache={state}/cache", "Debug::NoLocking=1", "APT::Sandbox::User="),
        ]
        apt = ["apt-get", "-qq", *(part for setting in settings for part in ("-o", setting))]
        fetch = ["install", "-y", "--no-install-recommends", "--download-only", *PACKAGES]
        subprocess.run([*apt, "update"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*apt, *fetch], check=True, stdout=subprocess.DEVNULL)
        for package in (state / "cache" / "archives").glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, target], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"  no browser could be unpacked: {error}", flush=True)
        return
    finally:
        shutil.rmtree(state, ignore_errors=True)
    for unpacked in target.iterdir():
        unpacked.rename(FOLDER / unpacked.name)
    target.rmdir()


def _environment_of_unpacked():
    # Debian's font configuration points at folders that have nothing in them here.
    config = (FOLDER / "etc/fonts/fonts.conf").read_text()
    config = config.replace("/usr/share/fonts", f"{FOLDER}/usr/share/fonts")
    fonts = FOLDER / "fonts.conf"
    fonts.write_text(config.replace(">conf.d<", f">{FOLDER}/etc/fonts/conf.d<"))
    return {
        "CHROMIUM": str(UNPACKED),
        "FONTCONFIG_FILE": str(fonts),
        # One library hides in a folder of its own, so every folder that has one is named.
        "LD_LIBRARY_PATH": ":".join(sorted({str(file.parent) for file in FOLDER.rglob("*.so*")})),
    }
