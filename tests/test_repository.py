"""Promises of the repository itself: which floor imports which, what is pinned, that links lead somewhere."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
# What a floor may import of our own; its own name is always allowed.
BELOW = {
    "app": {"components", "router", "data"},
    "components": {"router", "data"},
    "router": {"data"},
    "data": set(),
    "tools": set(),
}
OURS = {*BELOW, "tests", "benchmarks"}
MAY_DRAW = {"app", "components"}
POISONED = SpecifierSet("==1.82.7"), SpecifierSet("==1.82.8"), SpecifierSet("==1.107.*")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def sources(floor: str) -> list[Path]:
    folder = ROOT / floor
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{floor}.py"]


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import stays within its own floor.
            names.add(node.module.split(".")[0] if node.module and not node.level else path.stem)
    return names


@pytest.mark.parametrize("floor", [floor for floor in BELOW if sources(floor)[0].exists()])
def test_imports_point_one_way(floor: str) -> None:
    allowed = BELOW[floor] | {floor}
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(floor)
        for name in imported(path) & OURS - allowed
    }
    assert not wrong


@pytest.mark.parametrize("floor", sorted(set(BELOW) - MAY_DRAW))
def test_only_the_page_imports_streamlit(floor: str) -> None:
    assert [path.name for path in sources(floor) if "streamlit" in imported(path)] == []


def test_set_up_runs_on_a_bare_python() -> None:
    needed_before_anything_is_installed = ["environment", "make_venv", "pip_progress", "lock", "__init__"]
    for name in needed_before_anything_is_installed:
        foreign = imported(ROOT / "tools" / f"{name}.py") - sys.stdlib_module_names - {"tools"}
        assert not foreign, name


def pins(name: str) -> dict[str, list[tuple[Requirement, int]]]:
    """The locked list: name → its pins (one for each marker) with their number of hashes."""
    found: dict[str, list[tuple[Requirement, int]]] = {}
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            requirement = Requirement(line.split("--hash")[0].strip())
            found.setdefault(normal(requirement.name), []).append((requirement, line.count("--hash=sha256:")))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith(("#", "-"))]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_everything_is_pinned_by_hash(name: str) -> None:
    for package, entries in pins(name).items():
        for requirement, hashes in entries:
            assert [part.operator for part in requirement.specifier] == ["=="], package
            assert hashes >= 1, package


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_litellm_is_the_release_that_was_looked_at(name: str) -> None:
    [(litellm, _)] = pins(name)["litellm"]
    assert str(litellm.specifier) == "==1.106.2"
    version = str(litellm.specifier).removeprefix("==")
    assert not [bad for bad in POISONED if version in bad]


def test_no_gpu_stack_comes_in_by_accident() -> None:
    heavy = [
        name
        for name in pins("requirements-dev.txt")
        if re.match(r"torch|nvidia|cuda|triton|tensorflow", name)
    ]
    assert heavy == []


@pytest.mark.parametrize(
    ("wanted", "locked"),
    [("requirements.in", "requirements.txt"), ("requirements-dev.in", "requirements-dev.txt")],
)
def test_the_lock_covers_what_is_asked_for(wanted: str, locked: str) -> None:
    found = pins(locked)
    for requirement in asked(wanted):
        entries = found.get(normal(requirement.name), [])
        assert entries, f"{requirement.name} is in {wanted} and not in {locked}: make lock"
        for entry, _ in entries:
            version = str(entry.specifier).removeprefix("==")
            assert version in requirement.specifier, f"{requirement} against {version}: make lock"


def test_tests_run_against_the_very_packages_of_the_app() -> None:
    development = pins("requirements-dev.txt")
    for name, entries in pins("requirements.txt").items():
        assert [str(entry) for entry, _ in entries] == [str(entry) for entry, _ in development[name]]


def pages() -> list[Path]:
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "data").rglob("*.md")),
    ]


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`|<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in LINK.findall(text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    linked = {
        link.partition("#")[0] for link in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    }
    written = {f"data/knowledge/{path.name}" for path in (ROOT / "data" / "knowledge").glob("*.md")}
    assert written <= linked


def test_commands_that_the_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in pages():
        code = " ".join(re.findall(r"`[^`]+`|```.*?```", page.read_text(encoding="utf-8"), re.DOTALL))
        named = set(re.findall(r"\bmake ([a-z-]+)", code))
        assert named <= targets, f"{page.name}: {named - targets}"


def test_continuous_integration_runs_what_people_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make test"


def test_nothing_is_written_into_the_checkout(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "results", "screenshots")
    shutil.copytree(ROOT, checkout, ignore=left_out)
    before = listing(checkout)
    for arguments, text in [
        (["router", "decide"], '{"id": "1", "messages": [{"role": "user", "content": "hello"}]}\n'),
        (["router", "models", "list"], ""),
        (["data", "doctor"], ""),
    ]:
        # No UPSHIFT_DB or UPSHIFT_MODELS: this is about where things go when nobody says.
        home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [sys.executable, "-B", "-m", *arguments],
            input=text, cwd=checkout, env=home, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert done.returncode == 0, done.stderr
    assert listing(checkout) == before


def listing(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}
