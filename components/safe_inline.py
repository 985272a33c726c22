"""The inline half of the cleaner: links, images, maths, code spans and escapes within one line.

Every character that could start something is escaped unless this module wrote the construct
itself, so what the browser's parser makes of the rest does not matter. Some of Streamlit's rules
look at the text after parsing (icons, emoji names, bare addresses), where a backslash no longer
helps: those are broken by a word joiner, which is invisible and has no width.
"""

from __future__ import annotations

import html
import re
from urllib.parse import quote, urlsplit

MARKER = r"(?:[-*+]|\d{1,9}[.)])"  # of a list item
JOINER = "\u2060"
MAX_URL = 2_000
_OPEN, _CLOSE = "\ue000", "\ue001"  # stand for a code span while its line is worked on

_CODE = re.compile(r"\\.|(`++)(.{1,2000}?)(?<!`)\1(?!`)|`+", re.ASCII)
_LABEL = (
    r"((?:[^\[\]\\\n]|\\.|!?\[(?:[^\[\]\\\n]|\\.){0,500}+\](?:\([^()\n]{0,2000}+\)|\[[^\[\]\n]{0,200}+\])?)"
    r"{0,1000}+)"
)
_DEST = r"\(\s*(<[^<>\n]{0,2000}>|[^\s()<>]{0,2000}+(?:\([^\s()]{0,500}\)[^\s()<>]{0,2000}+){0,20}+)"
_TITLE = r"(?:\s+(?:\"[^\"\n]{0,500}\"|'[^'\n]{0,500}'|\([^()\n]{0,500}\)))?\s*\)"
_TOKEN = re.compile(
    rf"(?P<link>!?\[{_LABEL}\]{_DEST}{_TITLE})"
    rf"|(?P<reference>!\[{_LABEL}\](?:\[[^\[\]\n]{{0,200}}\])?)"
    r"|\\\((?P<paren>[^\n$]{1,300}?)\\\)|\\\[(?P<square>[^\n$]{1,500}?)\\\]"
    r"|(?<!\$)\$\$(?P<display>[^$\n]{1,2000}?)\$\$(?!\$)"
    r"|(?<!\$)\$(?P<dollar>[^\s$](?:[^$\n]{0,500}?[^\s$\\])??)\$(?![\d$])"
    r"|(?P<escape>\\[!-/:-@\[-`{-~])"
    r"|(?P<auto><(?:https?://|mailto:)[^\s<>]{1,2000}>)"
    r"|(?P<url>(?:https?://|www\.)[^\s<>\"|\ue000\ue001]{1,2000})"
    r"|(?P<name>:(?=[\w+-]{0,60}[A-Za-z][\w+-]{0,60}:|100:|1234:|material[/_]))"
    r"|(?P<tildes>~~~+|(?<!~)~(?!~))"
    r"|(?P<plain>[\[\]<$&!`\\]|:(?=[^\s\d/:]))",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_NEEDLESS = re.compile(r"\\([:/@])")
_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.?", re.I
)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", re.ASCII)
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_ALIVE_AFTER_PARSING = re.compile(r"(https?:|www|@|:(?=[\w+-]{1,60}:|material[/_]))(?=\S)", re.IGNORECASE)

_TEX = re.compile(r"[\\^_=+<>{}]|\d\s*[-*/]\s*\d")
_SMALL_TEX = re.compile(r"-?\d+(?:[.,]\d+)*%?|-?\d*[A-Za-z]'*(?:\([^()$]{0,40}\))?(?:,\s?[A-Za-z]'*){0,8}")
_MONEY = re.compile(r"\d[\d.,]*(?:\s|[a-z]{2}|[/–-]\S*\s)", re.IGNORECASE)
# Commands that load, link, paint over other parts of the page or redefine others.
_TEX_REFUSED = re.compile(
    r"\\(?:href|url|includegraphics|html\w*|rule|m?kern|[hm]skip|[hv]space|raisebox|smash|[rlc]lap|math[rlc]lap|"
    r"[egx]?def|let|futurelet|global|(?:re|provide)?newcommand|renewcommand|char|color|colorbox|textcolor|fcolorbox|"
    r"Huge|huge|LARGE|Large|verb)(?![a-z])|https?:|www\.|[`@]|\]\(|[\ue000\ue001]"
)


def inline(text: str) -> str:
    """One line of text without its block markers, cleaned."""
    spans: list[str] = []

    def stash(found: re.Match[str]) -> str:
        if found[1]:
            spans.append(f"{found[1]}{found[2].replace('](', ']' + JOINER + '(')}{found[1]}")
            return f"{_OPEN}{len(spans) - 1}{_CLOSE}"
        return found[0] if found[0][0] == "\\" else "\\`" * len(found[0])

    if "`" in text:
        text = _CODE.sub(stash, text)
    if "&" in text:
        text = _ENTITY.sub(_decode, text)
    cleaned = _TOKEN.sub(_token, _NEEDLESS.sub(r"\1", text))
    if not spans:
        return cleaned
    return re.sub(rf"{_OPEN}(\d+){_CLOSE}", lambda found: spans[int(found[1])], cleaned)


def open_code(text: str) -> str:
    """The backticks that would close a code span that `text` has begun, or nothing."""
    loose = [found[0] for found in _CODE.finditer(text) if found[0][0] == "`" and not found[1]]
    return loose[0] if loose else ""


def escape(text: str) -> str:
    """`text` as Markdown that shows exactly `text`: nothing in it is markup, a link or an icon."""
    broken = _ALIVE_AFTER_PARSING.sub(rf"\1{JOINER}", text)
    return _PUNCTUATION.sub(r"\\\1", broken)


def maths(tex: str) -> str | None:
    """`tex` fit to stand between dollar signs, or None if it is not maths or asks for too much.

    The result is harmless also where the browser does not take it for maths.
    """
    tex = tex.strip()
    if not tex or _TEX_REFUSED.search(tex) or len(tex) > 2_000:
        return None
    return re.sub(r"([<:!&])(?=[^\s&\\])", r"\1 ", tex)


def _decode(found: re.Match[str]) -> str:
    """An entity's character, so that the rules below see it; punctuation stays without effect."""
    text = html.unescape(found[0])
    if text in ":/@.":
        return text
    if len(text) != 1 or ord(text) < 32 or 0x202A <= ord(text) <= 0x202E or 0x2066 <= ord(text) <= 0x2069:
        return text if text == found[0] else " "
    return _PUNCTUATION.sub(r"\\\1", text) if text not in (_OPEN, _CLOSE, JOINER) else ""


def _token(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found[0]
    match kind:
        case "link" | "reference":
            return _link_or_image(text)
        case "paren" | "square" | "display" | "dollar":
            return _maths_or_text(found, str(kind))
        case "auto":
            return _bare(text[1:-1], text)
        case "url":
            return _bare_trimmed(text)
        case "name":
            return ":" + JOINER
        case "tildes":
            return "\\~" * len(text)
        case "escape":
            return text
    return "\\" + text


def _link_or_image(text: str) -> str:
    parts = re.match(rf"!?\[{_LABEL}\]", text)
    assert parts is not None  # the token's own first half
    label, rest = parts[1], text[parts.end() :]
    if text.startswith("!"):
        return f"\\[image: {_label(label)}\\]" if label.strip() else "\\[image\\]"
    destination = re.match(_DEST, rest)
    url = _safe_url(destination[1].strip("<>") if destination else "")
    shown = _label(label) or "link"
    if url is None:
        return shown
    target, host = url
    return f"[{shown}]({target})" if label.strip() == host else f"[{shown} ({escape(host)})]({target})"


def _label(text: str) -> str:
    """A link's or image's own words; an image within keeps its label, code keeps its look."""
    text = re.sub(rf"!\[{_LABEL}\](?:\([^()\n]*\)|\[[^\[\]\n]*\])?", r"\1", text)
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)
    return "".join(
        part if part.startswith(_OPEN) else escape(part)
        for part in re.split(rf"({_OPEN}\d+{_CLOSE})", text.strip())
    )


def _bare_trimmed(text: str) -> str:
    """A bare address without the punctuation that ends the sentence around it."""
    url = text.rstrip(".,;:!?'\"*_~\\")
    while url.endswith((")", "]")) and url.count(url[-1]) > url.count("(" if url[-1] == ")" else "["):
        url = url[:-1].rstrip(".,;:!?'\"*_~\\")
    return _bare(url, url) + _TOKEN.sub(_token, text[len(url) :]) if url else escape(text)


def _bare(url: str, text: str) -> str:
    safe = _safe_url(url if not url.lower().startswith("www.") else "http://" + url)
    return f"<{safe[0]}>" if safe else escape(text)


def _safe_url(url: str) -> tuple[str, str] | None:
    """The address to link to and its real host, or None if nothing may be linked."""
    if len(url) > MAX_URL or "\\" in url or any(c <= " " or c in (_OPEN, _CLOSE) for c in url):
        return None
    if url.lower().startswith("mailto:"):
        address = url[7:].split("?", 1)[0]
        return (f"mailto:{address}", address) if _ADDRESS.fullmatch(address) else None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except (ValueError, UnicodeError):
        return None
    if parts.scheme.lower() not in ("http", "https") or "@" in parts.netloc or not _HOST.fullmatch(host):
        return None
    rest = url.split("//", 1)[1][len(parts.netloc) :]
    rest = quote(rest, safe="/?=#%-._~+,;&@")
    where = host if port is None else f"{host}:{port}"
    return f"{parts.scheme.lower()}://{where}{rest}", where


def _maths_or_text(found: re.Match[str], kind: str) -> str:
    raw = found[kind]
    real = bool(_TEX.search(raw)) if kind in ("square", "paren") else _is_maths(raw)
    tex = maths(raw) if real or (kind == "paren" and _SMALL_TEX.fullmatch(raw.strip())) else None
    if tex is not None:
        return f"$${tex}$$" if kind in ("square", "display") else f"${tex}$"
    opening = {"paren": "\\(", "square": "\\[", "display": "\\$\\$", "dollar": "\\$"}[kind]
    closing = {"paren": "\\)", "square": "\\]", "display": "\\$\\$", "dollar": "\\$"}[kind]
    return opening + _TOKEN.sub(_token, raw) + closing


def _is_maths(raw: str) -> bool:
    if _MONEY.match(raw):
        return "\\" in raw or "^" in raw or "=" in raw
    return bool(_TEX.search(raw) or _SMALL_TEX.fullmatch(raw))
