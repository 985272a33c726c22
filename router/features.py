"""Numbers of one message: hashed n-grams, cues and structure. Needs numpy only.

Hashing is our own (FNV-like, on code points), so that the same text gives the same numbers on every
machine and in every process.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from data.paths import shipped
from router.message_parts import Parts, take_apart

WORDS, CHARS, PASTED = 1 << 14, 1 << 15, 1 << 12
FIRST_CUE = WORDS + CHARS + PASTED
"""Index of the first cue; after them, the same kinds again for the first six words, then structure."""
_TOKEN = re.compile(r"[\w\u0300-\u036f\u0610-\u065f\u0900-\u0dff\u0e00-\u0e7f+#]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MATHS = re.compile(r"[=≤≥≠√∑∫π∞±×÷²³^]|\\frac|\\sum|\\int|\b[xyzn]\b|\d\s*[*/+^]\s*\d|\bmod\b")
_LATEX = re.compile(r"\$[^$\n]+\$|\\\(|\\\[|\\[a-z]{2,}")
_ERROR = re.compile(
    r"\w(?:Error|Exception)\b|\bpanic\b|\bexit code|\bSIG[A-Z]{3,}|\b[45]\d\d\b|[Tt]raceback|stack ?trace|\bNaN\b|NULL|nullptr"
)
_IDENTIFIER = re.compile(r"[a-z]+_[a-z]+|[a-z]+[A-Z][a-z]+|\w+\(\)|\w+\.\w{2,4}\b|`[^`]+`")
_SUM = re.compile(r"\d\s*[-+*/x×÷%]\s*\d|\d\s*%")
_LIST = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE)

# What a message says about itself never counts (see router/steering.py, which removes the phrases).
IGNORED = frozenset(
    [
        "fast",
        "faster",
        "fastest",
        "heavy",
        "heavier",
        "heaviest",
        "simple",
        "simpler",
        "simplest",
        "easy",
        "easier",
        "easily",
        "trivial",
        "hard",
        "harder",
        "difficult",
        "complex",
        "complicated",
        "tough",
        "tricky",
        "quick",
        "quickly",
        "quicker",
        "challenging",
        "straightforward",
        "model",
        "models",
        "tier",
        "tiers",
        "llm",
        "router",
        "route",
        "routing",
    ]
)

STRUCTURE = (
    "bias length", "request length", "very short", "short", "one line", "many lines", "pasted text", "much pasted text",
    "pasted code", "a pasted log", "code names", "error text", "maths signs", "formulas", "numbers", "many numbers", "a sum",
    "a list", "question mark", "several questions", "starts with a capital", "exclamation", "polite", "conditions", "many sentences",
    "Cyrillic", "Chinese", "kana", "Hangul", "Arabic", "Devanagari", "other script", "accents", "quotation", "a link", "commas", "several requests",
)  # fmt: skip
_INDEX = {name: index for index, name in enumerate(STRUCTURE)}
_CONDITIONS = frozenset(
    [
        "if",
        "given",
        "each",
        "every",
        "exactly",
        "at",
        "least",
        "most",
        "per",
        "unless",
        "only",
        "must",
        "such",
        "without",
        "while",
        "assume",
        "suppose",
        "total",
        "wenn",
        "si",
        "если",
        "如果",
        "もし",
        "만약",
        "أن",
        "अगर",
        "eğer",
        "jika",
    ]
)


@cache
def routing_words() -> dict[str, dict[str, object]]:
    """The cues and phrases of data/routing_words.toml."""
    with shipped("routing_words.toml").open("rb") as file:
        return tomllib.load(file)


@cache
def cue_names() -> tuple[str, ...]:
    """The kinds of request that have cue words, in order."""
    return tuple(routing_words()["cues"])


@cache
def _cues() -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Beginnings of words → kinds; apart, the strings of scripts without spaces."""
    spaced: dict[str, tuple[int, ...]] = {}
    dense: dict[str, tuple[int, ...]] = {}
    for index, words in enumerate(routing_words()["cues"].values()):
        for word in str(words).split():
            table = dense if _is_dense(word[0]) else spaced
            table[word] = (*table.get(word, ()), index)
    return spaced, dense


def _is_dense(letter: str) -> bool:
    return "\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3"


def size() -> int:
    """How many numbers a message has."""
    return WORDS + CHARS + PASTED + 2 * len(cue_names()) + len(STRUCTURE)


@dataclass(frozen=True)
class Features:
    """Sparse numbers of a message: `index` (n,) int64, unique and sorted, `value` (n,) float32.

    `names` says in plain words what some of the indices are, for reasons. `tokens` counts the
    words of the request. `known_script` is False for scripts that training has seen little of.
    """

    index: NDArray[np.int64]
    value: NDArray[np.float32]
    names: dict[int, str]
    tokens: int
    known_script: bool


def extract(text: str) -> Features:
    """The numbers of `text`; never raises, whatever the text."""
    parts = take_apart(text)
    request = unicodedata.normalize("NFKC", parts.request)
    words = [word for word in _words(request) if word not in IGNORED]
    names: dict[int, str] = {}
    blocks = [
        _word_grams(words, names),
        _char_grams(words, WORDS, CHARS),
        _hashed([f"p {word}" for word in _words(parts.pasted[:500])[:60]], WORDS + CHARS, PASTED, 0.5),
    ]
    offset = FIRST_CUE
    blocks.append(_cue_block(words, offset, names))
    structure = _structure(request, parts, len(words))
    offset += 2 * len(cue_names())
    present = np.flatnonzero(structure)
    names.update({int(offset + i): STRUCTURE[i] for i in present})
    blocks.append((present + offset, structure[present]))
    index = np.concatenate([block[0] for block in blocks])
    value = np.concatenate([block[1] for block in blocks]).astype(np.float32)
    unique, where = np.unique(index, return_inverse=True)
    summed = np.bincount(where, weights=value, minlength=len(unique)).astype(np.float32)
    other = structure[_INDEX["other script"]] + structure[_INDEX["Devanagari"]] + structure[_INDEX["Arabic"]]
    return Features(unique.astype(np.int64), summed, names, len(words), bool(other < 0.3))


def _words(text: str) -> list[str]:
    return _TOKEN.findall(_NUMBER.sub("0", text.lower()))


def _hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def _hashed(
    grams: list[str], offset: int, buckets: int, weight: float, names: dict[int, str] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Bucket of each distinct gram, the block scaled to length `weight`."""
    if not grams:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    distinct = list(dict.fromkeys(grams))
    index = np.fromiter((offset + _hash(gram) % buckets for gram in distinct), np.int64, len(distinct))
    if names is not None:
        for at, gram in zip(index.tolist(), distinct, strict=True):
            if gram[0] not in "^$" and len(gram) > 2:
                names.setdefault(at, f"says “{gram}”")
    return index, np.full(len(distinct), weight / np.sqrt(len(distinct)), np.float32)


def _word_grams(words: list[str], names: dict[int, str]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Words and pairs, and apart from them how the request begins and ends."""
    pairs = [f"{a} {b}" for a, b in zip(words, words[1:], strict=False)]
    inner = _hashed(words + pairs, 0, WORDS, 1.0, names)
    edges = _hashed([f"^{w}" for w in words[:3] + pairs[:1]] + [f"${w}" for w in words[-2:]], 0, WORDS, 0.7)
    return np.concatenate([inner[0], edges[0]]), np.concatenate([inner[1], edges[1]])


def _char_grams(words: list[str], offset: int, buckets: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Character 2- to 5-grams within and across words, by a rolling hash over code points."""
    text = f" {' '.join(words)} "[:900]
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    rolling, found = points.copy(), []
    for n in range(2, 6):
        if len(points) < n:
            break
        rolling = rolling[:-1] * np.uint64(16777619) ^ points[n - 1 :]
        mixed = (rolling ^ (rolling >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        found.append((mixed >> np.uint64(32)) % np.uint64(buckets))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    index, count = np.unique(np.concatenate(found).astype(np.int64), return_counts=True)
    value = 1 + np.log(count)
    return index + offset, (value / np.linalg.norm(value)).astype(np.float32)


def _cue_block(
    words: list[str], offset: int, names: dict[int, str]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which kinds of request the words name, anywhere and among the first six words."""
    kinds = cue_names()
    seen = np.zeros((2, len(kinds)), np.float32)
    spaced, dense = _cues()
    for position, word in enumerate(words[:250]):
        for kind in _kinds_of(word, spaced, dense):
            seen[0, kind] = 0.5
            if position < 6:
                seen[1, kind] = 0.5
            names.setdefault(offset + kind, f"says “{word[:24]}”")
    flat = seen.ravel()
    present = np.flatnonzero(flat)
    return present + offset, flat[present]


def _kinds_of(word: str, spaced: dict[str, tuple[int, ...]], dense: dict[str, tuple[int, ...]]) -> set[int]:
    kinds: set[int] = set()
    if _is_dense(word[0]):
        for start in range(min(len(word), 40)):
            for length in range(1, 5):
                kinds.update(dense.get(word[start : start + length], ()))
        return kinds
    for length in range(min(len(word), 12), 1, -1):
        beginning = word[:length]
        # Two and three letters only count as whole words: "who", "ab", "да".
        if beginning in spaced and (length > 3 or len(word) == length):
            kinds.update(spaced[beginning])
            break
    return kinds


def _structure(request: str, parts: Parts, words: int) -> NDArray[np.float32]:
    row = np.zeros(len(STRUCTURE), np.float32)

    def put(name: str, amount: float) -> None:
        row[_INDEX[name]] = amount

    whole = f"{request}\n{parts.pasted[:800]}"
    lines = whole.count("\n") + 1
    numbers = len(_NUMBER.findall(request))
    questions = sum(request.count(mark) for mark in "?？؟")
    put("bias length", min(1.5, np.log1p(parts.length) / 6))
    put("request length", min(1.5, np.log1p(len(request)) / 5))
    put("very short", words <= 3)
    put("short", words <= 8)
    put("one line", lines <= 2)
    put("many lines", lines > 8)
    put("pasted text", bool(parts.pasted))
    put("much pasted text", len(parts.pasted) > 400 or parts.length > 1500)
    put("pasted code", parts.code)
    put("a pasted log", parts.log)
    put("code names", min(1.0, len(_IDENTIFIER.findall(request)) / 3))
    put("error text", min(1.0, len(_ERROR.findall(whole)) / 2))
    put("maths signs", min(1.0, len(_MATHS.findall(request)) / 4))
    put("formulas", bool(_LATEX.search(request)))
    put("numbers", min(1.0, numbers / 4))
    put("many numbers", numbers >= 4)
    put("a sum", bool(_SUM.search(request)) and words <= 10)
    put("a list", len(_LIST.findall(whole)) >= 2)
    put("question mark", questions > 0)
    put("several questions", questions > 1)
    put("starts with a capital", request[:1].isupper())
    put("exclamation", "!" in request)
    lower = request.lower()
    tokens = _words(request)
    put(
        "polite",
        any(
            word in lower
            for word in (
                "please",
                "pls",
                "bitte",
                "por favor",
                "s'il",
                "пожалуйста",
                "请",
                "ください",
                "주세요",
            )
        ),
    )
    put("conditions", min(1.0, sum(word in _CONDITIONS for word in tokens) / 4))
    put("many sentences", min(1.0, sum(request.count(mark) for mark in ".!?。？") / 5))
    put(
        "several requests",
        min(1.0, sum(word in ("and", "then", "also", "und", "et", "y", "и", "e") for word in tokens) / 3),
    )
    put("quotation", "␞" in request)
    put("a link", "http" in lower)
    put("commas", min(1.0, (request.count(",") + request.count("，")) / 5))
    _scripts(request, put)
    return row


_SCRIPTS = (
    ("Cyrillic", "\u0400", "\u04ff"), ("Chinese", "\u4e00", "\u9fff"), ("kana", "\u3040", "\u30ff"), ("Hangul", "\uac00", "\ud7a3"),
    ("Arabic", "\u0600", "\u06ff"), ("Devanagari", "\u0900", "\u097f"), ("accents", "\u00c0", "\u024f"),
)  # fmt: skip


def _scripts(request: str, put: object) -> None:
    letters = [letter for letter in request[:400] if letter.isalpha() or "\u0900" <= letter <= "\u0e7f"]
    if not letters:
        return
    latin = sum(letter < "\u0250" for letter in letters)
    seen = latin
    for name, low, high in _SCRIPTS:
        count = sum(low <= letter <= high for letter in letters)
        put(name, min(1.0, (5 if name == "accents" else 1) * count / len(letters)))  # type: ignore[operator]
        seen += count if name != "accents" else 0
    put("other script", max(0.0, 1 - seen / len(letters)))  # type: ignore[operator]
