"""Participants' links: a signed token in each, which admits its holder to one study and to nothing else.

A token is the first 160 bits of HMAC-SHA256 (RFC 2104) over what it admits to, under a secret that lies
beside the log and that only its owner can read. There are three kinds: a person's own, an open one that
anybody may begin with (a recruiting platform fills in who they are), and the researcher's.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from data.studies import NAME

PARTICIPANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_SECRET_BYTES = 32
_TOKEN_BYTES = 20
# What a link may carry. Any of these makes a visit a participant's, valid or not.
OF_PARTICIPANTS = ("study", "p", "t", "force", "PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
# What Prolific puts in place of these when it sends somebody here.
_PROLIFIC = {
    "PROLIFIC_PID": "{{%PROLIFIC_PID%}}",
    "STUDY_ID": "{{%STUDY_ID%}}",
    "SESSION_ID": "{{%SESSION_ID%}}",
}


@dataclass(frozen=True)
class Admission:
    """Who a link admits: one participant of one study.

    `open_link`: by the token that many share, so nothing that was said before may be shown by it alone;
    `anonymous`: nobody said who they are, so their id is a random one of ours.
    `forced`: the variant that the link fixes, whatever would have been dealt.
    """

    study: str
    participant: str
    open_link: bool = False
    forced: str | None = None
    platform_study: str | None = None
    platform_session: str | None = None
    anonymous: bool = False


class Links:
    """Makes and checks links with the secret beside the log at `log`."""

    def __init__(self, log: Path) -> None:
        self._path = secret_path(log)

    def personal(self, base: str, study: str, participant: str, forced: str | None = None) -> str:
        """A person's own link; `forced` fixes their variant. Raises ValueError for an impossible id."""
        if not PARTICIPANT.fullmatch(participant):
            raise ValueError(
                f"{participant!r}: a participant's id has letters, digits and _ . @ -, at most 64"
            )
        query = {"study": study, "p": participant, **({"force": forced} if forced else {})}
        return f"{base}?{urlencode({**query, 't': self.token(study, participant, forced)})}"

    def open(self, base: str, study: str) -> str:
        """The link for a recruiting platform: with Prolific's own placeholders, which stay as they are."""
        places = "&".join(f"{name}={place}" for name, place in _PROLIFIC.items())
        return f"{base}?{urlencode({'study': study})}&{places}&t={quote(self.open_token(study))}"

    def admission(self, query: Mapping[str, str]) -> Admission | None:
        """Who the address admits, None if it admits nobody. Takes the same time for every wrong token."""
        study, token = query.get("study", ""), query.get("t", "")
        participant = query.get("PROLIFIC_PID") or query.get("p") or ""
        forced = query.get("force") or None
        if not NAME.fullmatch(study) or (participant and not PARTICIPANT.fullmatch(participant)):
            return None
        platform = query.get("STUDY_ID"), query.get("SESSION_ID")
        if participant and _same(token, self.token(study, participant, forced)):
            return Admission(study, participant, False, forced, *platform)
        if forced is None and _same(token, self.open_token(study)):
            name = participant or f"anon-{secrets.token_hex(16)}"
            return Admission(study, name, True, None, *platform, anonymous=not participant)
        return None

    def token(self, study: str, participant: str, forced: str | None = None) -> str:
        """The token of one person in one study."""
        return self._sign("participant", study, participant, forced or "")

    def open_token(self, study: str) -> str:
        """The token that many people begin a study with."""
        return self._sign("open", study)

    def researcher_key(self) -> str:
        """What opens the page of studies."""
        return self._sign("researcher")

    def is_researcher(self, key: str | None) -> bool:
        """Whether this is the researcher's key."""
        return _same(key or "", self.researcher_key())

    def digest(self, *parts: str) -> str:
        """A name for something, which without the secret says nothing about it: 32 hexadecimal digits."""
        return hmac.new(self._secret(), _joined("digest", *parts), hashlib.sha256).hexdigest()[:32]

    def _sign(self, *parts: str) -> str:
        signed = hmac.new(self._secret(), _joined(*parts), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(signed[:_TOKEN_BYTES]).decode().rstrip("=")

    def _secret(self) -> bytes:
        return read_secret(self._path)


def secret_path(log: Path) -> Path:
    """Where the secret of the log at `log` lies."""
    return log.with_name(f"{log.name}.secret")


def read_secret(path: Path) -> bytes:
    """The secret in `path`; made at first use, by whichever process comes first. Raises OSError."""
    try:
        return _whole(path)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(secrets.token_hex(_SECRET_BYTES).encode())
            handle.flush()
            os.fsync(handle.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its secret counts
            os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return _whole(path)


def _whole(path: Path) -> bytes:
    secret = path.read_bytes().strip()
    if len(secret) < 2 * _SECRET_BYTES:
        raise OSError(f"{path} is not whole: remove it, and send everybody new links")
    return secret


def _joined(*parts: str) -> bytes:
    # Lengths in front, so that no two lists of parts give the same bytes.
    return b"".join(f"{len(part.encode())}:".encode() + part.encode() for part in parts)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
