"""What `make run` says before the app starts."""

from __future__ import annotations

import socket

import pytest

from tools import start


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1", "85 01"])
def test_a_port_that_is_none(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(start.CannotStart, match=r"1 to 65535.*PORT=8502"):
        start.address()


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.setenv("HOST", "")
    assert start.address() == ("127.0.0.1", 8501)


def test_a_taken_port_names_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(start.CannotStart, match=rf"Port {port} is taken") as caught:
            start.check_free("127.0.0.1", port)
        proposed = int(str(caught.value).rsplit("PORT=", 1)[1])
        assert proposed > port
        start.check_free("127.0.0.1", proposed)
    start.check_free("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_a_host_that_is_not_this_machine(host: str) -> None:
    with pytest.raises(start.CannotStart, match="no address of this machine"):
        start.check_free(host, 8501)


def test_files_are_watched_only_when_asked() -> None:
    assert "--server.fileWatcherType=none" in start.arguments("127.0.0.1", 8501, watch=False)
    assert "--server.fileWatcherType=auto" in start.arguments("127.0.0.1", 8501, watch=True)
