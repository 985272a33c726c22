"""Addresses and names that come from environment variables, and whether an address is this machine."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

OLLAMA_PORT = 11434
_PLACEHOLDER = re.compile(r"\{([A-Z][A-Z0-9_]*)(?:=([^{}]*))?\}")


def fill_in(text: str, environment: Mapping[str, str]) -> str:
    """`text` with `{NAME}` and `{NAME=otherwise}` replaced; `{NAME}` stays where NAME is not set."""

    def value(found: re.Match[str]) -> str:
        otherwise = found.group() if found.group(2) is None else found.group(2)
        return environment.get(found.group(1)) or otherwise

    return _PLACEHOLDER.sub(value, text)


def unfilled(text: str) -> tuple[str, ...]:
    """Names of the variables that `text` still waits for."""
    return tuple(found.group(1) for found in _PLACEHOLDER.finditer(text))


def url_of(address: str) -> str:
    """An address as a URL: `0.0.0.0:11434`, which is how OLLAMA_HOST is often set, is one to listen on."""
    whole = address if "://" in address else f"http://{address}"
    parts = urlsplit(whole)
    if parts.hostname not in ("0.0.0.0", "::"):
        return whole.rstrip("/")
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, f"127.0.0.1{port}", parts.path, parts.query, "")).rstrip("/")


def is_this_machine(address: str) -> bool:
    """Whether a URL names the machine that we run on."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
