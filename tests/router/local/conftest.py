"""A model hub and a package index on loopback, made-up files, and the real small model."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import random
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from data.model_files import HubSource, ModelFile, WheelSource, find_model
from data.paths import models_folder
from router.local import download
from router.local.verified import sha256_of
from router.local.weights import ensure, path_of


def some_bytes(count: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(count)


def made_up(content: bytes, *sources: HubSource | WheelSource) -> ModelFile:
    return ModelFile(
        name="made-up",
        label="Made-up 1K",
        use="a test",
        file="made-up.gguf",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="none",
        origin="a test",
        kv_bytes_per_token=0,
        sources=sources or (HUB,),
    )


HUB = HubSource(kind="hub", repo="maker/model", file="model.gguf")
HUB_PATH = "/maker/model/resolve/main/model.gguf"


@dataclass
class Site:
    """What a loopback server offers, how it misbehaves, and what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    content_types: dict[str, str] = field(default_factory=dict)
    supports_ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    """For each coming answer with a file in it: the bytes after which its connection breaks."""
    falters: list[str] = field(default_factory=list)
    """Paths whose next request gets no answer, only a closed connection."""
    hold: threading.Event | None = None
    """While it is not set, the second half of a file does not come if its path starts with:"""
    hold_below: str = "/"
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Range header of each request."""

    def add_package(
        self, package: str, version: str, member: str, content: bytes, *, promised: str | None = None
    ) -> bytes:
        """Put a wheel with one data member on the index; `promised` is a sha256 that it does not have."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("trap/__init__.py", "raise SystemExit('imported')")
            archive.writestr(member, content)
        wheel = buffer.getvalue()
        name = f"{package.replace('-', '_')}-{version}-py3-none-any.whl"
        self.files[f"/files/{name}"] = wheel
        page = {
            "files": [
                {"filename": name.replace(".whl", ".tar.gz"), "url": "/nowhere", "hashes": {}},
                {
                    "filename": name,
                    "url": f"../../files/{name}",
                    "size": len(wheel),
                    "hashes": {"sha256": promised or hashlib.sha256(wheel).hexdigest()},
                },
            ]
        }
        self.files[f"/simple/{package}/"] = json.dumps(page).encode()
        return wheel


def _handler(site: Site) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.asked.append((self.path, asked))
            if self.path in site.falters:
                site.falters.remove(self.path)
                self.close_connection = True
                return
            if self.path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.path not in site.files:
                self.send_error(404)
                return
            self._send(site.files[self.path], asked)

        def _send(self, content: bytes, asked: str | None) -> None:
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and site.supports_ranges else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("Content-Type", site.content_types.get(self.path, "application/octet-stream"))
            self.end_headers()
            body = content[start:]
            if site.cut_after and not self.path.startswith("/simple/"):
                self.wfile.write(body[: site.cut_after.pop(0)])
                self.close_connection = True
                return
            half = len(body) // 2
            self.wfile.write(body[:half])
            if site.hold and self.path.startswith(site.hold_below):
                site.hold.wait(60)
            self.wfile.write(body[half:])

        def log_message(self, format: str, *args: object) -> None:
            """A test's output is for the test."""

    return Handler


class _QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up in mid-answer is what many of these tests are about."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The hub and the index, empty; broken connections are taken up again without a pause."""
    site = Site()
    server = _QuietServer(("127.0.0.1", 0), _handler(site))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("HF_ENDPOINT", site.url)
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    monkeypatch.setattr(download, "TELL_S", 0.0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield site
    if site.hold:
        site.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def smollm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models' folder with the real SmolLM2: the user's own copy if it is right, else fetched."""
    model, folder = find_model("smollm2-135m"), tmp_path_factory.mktemp("models")
    theirs = path_of(model, models_folder())
    if theirs.is_file() and sha256_of(theirs, threading.Event()) == model.sha256:
        path_of(model, folder).symlink_to(theirs)
    ensure(model, folder)
    return folder
