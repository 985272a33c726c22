"""Words as the search sees them: the same for documents and for questions, in any script.

Words are folded (case, accents), common ones are dropped and the rest are cut to a stem, so that
"routed", "routing" and "router" meet. Scripts that do not put spaces between words are cut into
pairs of characters, which is what finds Chinese, Japanese or Thai without a dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
# Vowel signs of Indic, Arabic and Hebrew scripts are marks, which \w leaves out.
_MARKS = "\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
_TOKEN = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}_])[\w{_MARKS}])+")
_ASCII_TOKEN = re.compile("[a-z0-9]+")
_ACCENTS = re.compile("[\u0300-\u036f]")

_STOP_WORDS = """
    a about above after again against all also am an and any anybody anyone anything are as ask at
    be because been before being below between both but by can cannot could did do does doing done
    down each either else etc ever every everything few for from further get gets getting give given
    go goes going got had has have having he hello help her here hers hey hi him his how however i if
    in into is it its itself just kind kinds know let like lot made make makes many may maybe me mean
    means might mine more most much must my need needs no nor not now of off ok okay on once one ones
    only onto or other others our ours out over own per please put quite rather really said same say
    says see shall she should show so some someone something such tell than thank thanks that the
    their theirs them then there these they thing things this those through thus to too under until
    up upon us use used uses using very via want wants was way we well were what whatever when where
    whether which while who whom whose why will wish with within without would yes yet you your yours
    explain describe question answer understand find happen happens work works possible actually
    don doesn isn aren wasn weren won didn couldn wouldn shouldn haven hasn hadn ll re ve dont cant"""
_STOP = frozenset(_STOP_WORDS.split())
_IRREGULAR = {
    "kept": "keep", "sent": "send", "chose": "choose", "chosen": "choose", "choice": "choose",
    "choices": "choose", "ran": "run", "wrote": "write", "written": "write", "stored": "store",
    "storage": "store", "storing": "store", "saved": "save", "saw": "see", "seen": "see",
    "citation": "cite", "citations": "cite", "took": "take", "taken": "take", "built": "build",
    "began": "begin", "lost": "lose", "private": "privacy", "erase": "delete", "erased": "delete",
    "erasing": "delete", "decision": "decide", "decisions": "decide", "licence": "license",
    "licences": "license", "colour": "color", "colours": "color",
}  # fmt: skip
_VOWEL = re.compile("[aeiouy]")


def terms(text: str) -> list[str]:
    """The stems of the informative words of `text`, in order, repeats included."""
    if text.isascii():  # most text is, and needs none of the folding: eight times as fast
        return [kept for token in _ASCII_TOKEN.findall(text.lower()) if (kept := _kept(token))]
    folded = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    found: list[str] = []
    for token in _TOKEN.findall(unicodedata.normalize("NFC", folded)):
        if _is_unspaced(token):
            found += _pairs(token)
        elif kept := _kept(token):
            found.append(kept)
    return found


@lru_cache(maxsize=100_000)
def _kept(token: str) -> str | None:
    """The stem of a folded word, or None for a common word or a lone letter."""
    if is_common(token) or (len(token) == 1 and token.isascii() and not token.isdigit()):
        return None
    return stem(token)


def stem(word: str) -> str:
    """The stem of one folded word. Only English endings are cut; other languages stay whole.

    A light relative of Porter's algorithm (Program 14(3), 1980): plurals, -ing, -ed, -er, -ly,
    -ion, final -e and -y. A stem need not be a word; it only has to be the same on both sides.
    """
    word = _IRREGULAR.get(word, word)
    if len(word) <= 3 or not (word.isascii() and word.isalpha()):
        return word
    return _without_final_vowel(_without_suffix(_singular(word)))


def is_common(token: str) -> bool:
    """Whether a folded word says nothing about a subject."""
    return token in _STOP or (len(token) > 4 and token.removesuffix("s") in _STOP)


def _is_unspaced(token: str) -> bool:
    return re.match(f"[{_UNSPACED}]", token) is not None


def _pairs(token: str) -> list[str]:
    return [token[at : at + 2] for at in range(len(token) - 1)] or [token]


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _without_suffix(word: str) -> str:
    for suffix, shortest in (("ation", 5), ("ing", 3), ("ed", 3), ("er", 4), ("ly", 4), ("ate", 5)):
        base = word.removesuffix(suffix)
        if base != word and len(base) >= shortest and _VOWEL.search(base):
            return _undoubled(base)
    if word.endswith(("sion", "tion")) and len(word) > 6:
        return word[:-3]
    return word


def _undoubled(base: str) -> str:
    """'logg' (from logged) is 'log', but 'tell' and 'pass' keep their double letter."""
    return base[:-1] if base[-1] == base[-2] and base[-1] not in "lsze" else base


def _without_final_vowel(word: str) -> str:
    if len(word) > 3 and word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "i"
    return word[:-1] if len(word) > 3 and word.endswith("e") else word
