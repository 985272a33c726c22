"""Find a Chrome or Chromium for the browser tests, and get one where there is none.

    python -m tools.browser          print its path; fetch one if need be
    python -m tools.browser --find   print its path; fetch nothing

In this order: UPSHIFT_BROWSER, an installed Chrome or Chromium, Playwright's own download, the
distribution's package. Every step has a time limit, so that no network means a message, not a wait.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

COMMANDS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome", "msedge")
MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
WINDOWS = (r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
HELP = (
    "No browser for the tests could be found or fetched. Install Chrome or Chromium\n"
    "(Debian: sudo apt-get install chromium), or name one: UPSHIFT_BROWSER=/path/to/chrome make test"
)


def find() -> Path | None:
    """An installed browser that starts, or None. Fetches nothing."""
    chosen = os.environ.get("UPSHIFT_BROWSER")
    if chosen:
        path = Path(chosen).expanduser()
        if not starts(path):
            say(f"UPSHIFT_BROWSER is {path}, which does not start")
            return None
        return path
    return next((path for path in _installed() if starts(path)), None) or _playwrights()


def get() -> Path | None:
    """A browser that starts: an installed one, else one that is fetched now; None if there is no way."""
    found = find()
    if found or os.environ.get("UPSHIFT_BROWSER"):
        return found
    say("No Chrome or Chromium is installed. Fetching Playwright's Chromium, about 180 MB, to your cache")
    environment = {**os.environ, "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000"}
    fetched = run([sys.executable, "-m", "playwright", "install", "chromium"], 600, environment)
    found = _playwrights()
    if found:
        return found
    say("It does not start: libraries are missing" if fetched else "That download did not work")
    return _from_the_distribution(fetched)


def _installed() -> list[Path]:
    paths = [Path(path) for name in COMMANDS if (path := shutil.which(name))]
    paths += [Path(path) for path in MAC]
    roots = [os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
    paths += [Path(root) / tail for root in roots if root for tail in WINDOWS]
    return [path for path in paths if path.is_file()]


def _playwrights() -> Path | None:
    """Playwright's own Chromium, if it was downloaded and starts."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() and starts(path) else None


def _from_the_distribution(only_libraries_are_missing: bool) -> Path | None:
    root = _as_root()
    if shutil.which("apt-get") is None or root is None:
        return None
    say("Installing the distribution's Chromium with apt-get")
    options = [
        "-o",
        "Acquire::http::Timeout=20",
        "-o",
        "Acquire::https::Timeout=20",
        "-o",
        "Acquire::Retries=1",
    ]
    options += ["-o", "DPkg::Lock::Timeout=60", "-q"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run([*root, "apt-get", *options, "update"], 180, environment)
    run(
        [*root, "apt-get", *options, "install", "-y", "--no-install-recommends", "chromium"], 600, environment
    )
    found = find()
    if found is None and only_libraries_are_missing:
        say("Installing the libraries that Playwright's Chromium needs, with apt-get")
        run([sys.executable, "-m", "playwright", "install-deps", "chromium"], 600, environment)
        found = find()
    return found


def _as_root() -> list[str] | None:
    """What to put before a command for it to run as root without a question; None if that cannot be."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if shutil.which("sudo") and run(["sudo", "-n", "true"], 10, None) else None


def starts(path: Path) -> bool:
    """Whether the browser opens a page: one without its libraries, or a placeholder, does not."""
    try:
        done = subprocess.run(
            [str(path), *FLAGS, "--dump-dom", "data:text/html,<p>up</p>"],
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "<p>up</p>" in done.stdout


def run(command: list[str], seconds: float, environment: dict[str, str] | None) -> bool:
    """Run `command`, its progress on our standard error; False if it fails or takes longer than `seconds`."""
    try:
        done = subprocess.run(
            command, timeout=seconds, env=environment, check=False, text=True, errors="replace",
            stdout=sys.stderr, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"{command[0]}: {error}")
        return False
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        # One reason instead of a stack of them.
        say(next((line for line in said if line.startswith(("Error", "E:"))), said[-1] if said else ""))
    return done.returncode == 0


def say(text: str) -> None:
    """Tell the person; standard output is for the path alone."""
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Entry point; returns the exit status."""
    found = find() if "--find" in sys.argv[1:] else get()
    if found is None:
        say(HELP)
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
