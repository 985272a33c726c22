"""By which signs a sentence of a document shows that it speaks to the model, or about its answer.

Words in many languages (data/order_words.toml) and how they stand together. Every sign only ever
adds to the suspicion (but for standing in code), so no other words can talk it away.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import data
from router.order_pieces import Piece, seen

WORDS = Path(data.__file__).with_name("order_words.toml")

_TOKEN = re.compile(r"[^\W_](?:[\w'-]*\w)?")
_UNSPACED = re.compile("[\u0900-\u0dff\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[:：.]")
_CHAT_TOKENS = re.compile(
    r"<\|[\w ]{2,30}\|>|\[/?inst\]|<</?sys>>|</?(?:start|end)_of_turn>|<\uff5c[^>]{2,30}\uff5c>"
    r"|<\|?(?:im_start|im_end|eot_id)"
)
_FENCE_TAGS = re.compile(
    r"</?\s*(?:notes?|context|documents?|docs?|sources?|system|instructions?|prompt|user|assistant|human|data)\s*>"
    r"|\"{3}\s*-{2,}|-{3,}\s*end of|-{2,}\s*begin "
)
_JSON_ROLE = re.compile(r"[\"']?role[\"']?\s*[:=]\s*[\"'](?:system|assistant|developer)[\"']")
_CONTACT = re.compile(
    r"https?://|www\.\w|\b[\w.+-]+@[\w-]+\.\w|\b(?:[\w-]{2,}\.)+(?:example|com|org|net|io|ai|app|xyz|info|biz|dev)\b"
    r"|\+?\d[\d -]{7,}\d"
)
_IMAGE = re.compile(r"!\[[^\]]*\]\s*[(\[]")
_QUOTED = re.compile(r"[\"“„«「『][^\"”“»」』]{3,}[\"”“»」』]")
_SHOUTED = re.compile(r"\b[A-Z]{4,}\b|!{2,}")
_SPEAKER = re.compile(r"[\s>*#|\[(_\"'{/-]*([^\W\d_][\w. ]{0,24}?)[\]\"')*_]*(?:\([^)\n]{0,30}\))?\s*[:|]")
# Before the verb of an order: list marks, and words that say how.
_LEADING = re.compile(
    r"[\s>*#|\[(_\"'`/{-]*(?:\d+[.)]\s*)?(?:(?:please|kindly|then|and|also|now|so|instead|just|simply|always|first|"
    r"important|critical|urgent|note|bitte|por favor|s'il vous plaît|per favore|alsjeblieft|пожалуйста)"
    r"[\s:,!-]+)*"
)
_NEAR = 5
# Behind "system", "assistant" and the like, in a heading or before a colon.
_KINDS = (
    r"(?:\s+(?:note|message|alert|prompt|update|override|notice|instructions?|directives?|policy|command"
    r"|mode))*"
)
_TAGGED = re.compile(
    r"[\s>]*[\[<{*#(=-]+\s*(?:system|assistant|developer|admin|ai|llm|sys)" + _KINDS + r"\s*[\]>}*#)=-]"
)

Places = Mapping[str, list[int]]


@dataclass(frozen=True)
class _Words:
    """The word lists: by first word; of scripts without spaces; names of speakers; pairs; small words."""

    by_first: dict[str, list[tuple[str, tuple[str, ...]]]]
    unspaced: list[tuple[str, str]]
    speakers: dict[str, frozenset[str]]
    pairs: dict[str, list[tuple[str, str]]]
    small: dict[str, frozenset[str]]
    beginnings: frozenset[int]


@cache
def _words() -> _Words:
    read = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    pairs = {
        kind: [(p.split()[0], p.split()[1]) for p in listed] for kind, listed in read.pop("pairs").items()
    }
    small = {name: frozenset(listed) for name, listed in read.pop("small_words").items()}
    speakers = {name: frozenset(read.pop(name)) for name in ("speaker", "asker", "answerer")}
    by_first: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    unspaced: list[tuple[str, str]] = []
    for concept, entries in read.items():
        for entry in sorted({entry.lower() for entry in entries}):
            if _UNSPACED.search(entry):
                unspaced.append((concept, entry.strip("*")))
            else:
                first, *rest = entry.split()
                by_first[first].append((concept, tuple(rest)))
    beginnings = frozenset(len(first) - 1 for first in by_first if first.endswith("*"))
    return _Words(dict(by_first), unspaced, speakers, pairs, small, beginnings)


def signs(text: str, piece: Piece) -> frozenset[str]:
    """Names of the signs that a piece of `text` shows."""
    raw = text[piece.start : piece.end]
    plain = seen(raw)
    lead = _LEADING.match(plain.text)
    first = lead.end() if lead else 0
    tokens = [(found[0], found.start()) for found in _TOKEN.finditer(plain.text)]
    places = _places(plain.text, tokens)
    opening = next((n for n, (_, start) in enumerate(tokens) if start >= first), 0)
    found = {*places, *_together(places, opening), *_marks(raw, plain.text)}
    following = [token for token, _ in tokens[opening + 1 : opening + 4]]
    if "say_first" in found and _words().small["others"].intersection(following[:1]):
        found -= {"say_first", "say_first_user"}
    if "say_first" in found and _words().small["that"].intersection(following):
        found.add("say_first_that")
    found |= {"obfuscated"} if plain.obfuscated else set()
    found |= {"decoded"} if plain.decoded else set()
    found |= {"in_code"} if piece.in_code else set()
    if piece.hidden and found & {"model", "assistant", "say", "override", "answer", "user"}:
        found.add("hidden_words")
    return frozenset(found | set(_with_marks(found)))


def _places(text: str, tokens: list[tuple[str, int]]) -> dict[str, list[int]]:
    """Which concepts are named, and by which words (counted from 0)."""
    words = _words()
    names = [token for token, _ in tokens]
    found: dict[str, list[int]] = defaultdict(list)
    for at in range(len(names)):
        for key in _keys(names[at]):
            for concept, rest in words.by_first.get(key, ()):
                if concept == "say" and at and _is_noun(names[at - 1], names[at]):
                    continue
                if len(names) > at + len(rest) and all(map(_fits, names[at + 1 :], rest)):
                    found[concept].append(at)
    for concept, entry in words.unspaced:
        at = text.find(entry)
        if at >= 0:
            found[concept].append(sum(start < at for _, start in tokens))
    return found


def _is_noun(before: str, name: str) -> bool:
    small = _words().small
    return name in small["nouns"] and before in small["before_nouns"]


def _keys(token: str) -> Iterator[str]:
    yield token
    for size in _words().beginnings:
        if size <= len(token):
            yield token[:size] + "*"
    if token[0] in "\u0648\u0641\u05d5" and len(token) > 3:  # "and" is written together with its word
        yield from _keys(token[1:])


def _fits(token: str, wanted: str) -> bool:
    return token.startswith(wanted[:-1]) if wanted.endswith("*") else token == wanted


def _together(places: Places, opening: int) -> Iterator[str]:
    """Signs that are two concepts close to each other, or at the opening of the sentence."""

    def near(one: str, other: str, within: int = _NEAR) -> bool:
        return any(0 < b - a <= within for a in places.get(one, ()) for b in places.get(other, ()))

    for concept in (
        "say",
        "override",
        "form",
        "persona",
        "model",
        "assistant",
        "told",
        "asked",
        "secret",
        "do",
        "turned",
    ):
        if opening in places.get(concept, ()):
            yield f"{concept}_first"
    for one, other in _words().pairs["near"]:
        if near(one, other):
            yield f"{one}_{other}"
    for one, other in _words().pairs["adjacent"]:
        if near(one, other, 3):
            yield f"{one}_{other}"
    if opening in places.get("say", ()) and any(0 < at - opening <= 3 for at in places.get("user", ())):
        yield "say_first_user"
    for enough in (4, 5, 6):
        if sum(map(bool, places.values())) >= enough:
            yield f"concepts_{enough}"
    for one, other in _words().pairs["anywhere"]:
        if places.get(one) and places.get(other):
            yield f"{one}+{other}"


def _marks(raw: str, plain: str) -> Iterator[str]:
    """Signs that are not words: who seems to speak, tokens of chat templates, addresses, quotation."""
    if _CHAT_TOKENS.search(plain):
        yield "chat_tokens"
    if _FENCE_TAGS.search(plain):
        yield "fence_tags"
    if _JSON_ROLE.search(plain):
        yield "json_role"
    if _CONTACT.search(plain):
        yield "contact"
    if _IMAGE.search(plain):
        yield "image"
    if _QUOTED.search(plain):
        yield "quoted"
    if len(_SHOUTED.findall(raw)) > 1:
        yield "shouted"
    if _TAGGED.match(plain):
        yield "tagged"
    speaker = _SPEAKER.match(plain)
    name = re.sub(_KINDS + "$", "", speaker[1].strip()) if speaker else ""
    if speaker and name != speaker[1].strip() and name in _words().speakers["speaker"]:
        yield "tagged"
    for kind, names in _words().speakers.items():
        if name in names:
            yield kind


def _with_marks(found: set[str]) -> Iterator[str]:
    for mark in (
        "contact",
        "image",
        "quoted",
        "speaker",
        "tagged",
        "shouted",
        "obfuscated",
        "decoded",
        "json_role",
    ):
        if mark in found:
            for concept in (
                "say",
                "say_first",
                "do_first",
                "user",
                "told",
                "answer",
                "form",
                "form_first",
                "must",
                "model",
                "override",
            ):
                if concept in found:
                    yield f"{mark}&{concept}"
