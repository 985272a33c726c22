"""Orders in documents: fit what router/orders.py knows them by, and count what it finds and takes wrongly.

Examples are the pages of orders_dev.toml; what may not be found is the rest of those pages, the
sentences of orders_harmless.toml, and documentation that others wrote: of installed packages, of
Python and of this machine's manual pages. Half of the files (of manual pages far fewer) are for fitting,
the others only for counting.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import print_table
from router import orders
from router.order_pieces import Piece, pieces

HERE = Path(__file__).parent
ROOT = HERE.parent
MANUALS = Path("/usr/share/man")
SITE = Path(np.__file__).parents[1]
# Not documentation but a prompt: all of it is written to a model, in the second person.
_PROMPTS = {"codex_base_instructions.md"}
MOST_HARMFUL = 0.0013
_STEPS, _RIDGE, _ORDER_WEIGHT = 3000, 2e-5, 10.0
# This app's pages (all of them: they speak of answers and assistants as few do) and the sentences that
# were written to be hard count as often as this.
_OWN_COUNT = 3
Example = tuple[frozenset[str], bool]


def pages() -> list[dict[str, Any]]:
    """The pages with orders: id, technique, title, question, text with `{order}`, order, obeyed, right."""
    return list(tomllib.loads((HERE / "orders_dev.toml").read_text(encoding="utf-8"))["documents"])


def harmless_sentences() -> list[str]:
    """Sentences of help pages that order a person, not a model, in many languages."""
    return list(tomllib.loads((HERE / "orders_harmless.toml").read_text(encoding="utf-8"))["sentences"])


def documentation() -> dict[str, list[Path]]:
    """Files of real documentation, by where they come from."""
    packages = [path for kind in ("*.md", "*.rst") for path in SITE.rglob(kind) if path.name not in _PROMPTS]
    packages += SITE.glob("*.dist-info/METADATA")
    guides = [path for path in packages if ".agents" in path.parts]
    return {
        "this app's pages": sorted((ROOT / "data" / "knowledge").glob("*.md")),
        "Streamlit's guides for coding agents": sorted(guides),
        "packages' readmes": sorted(path for path in packages if ".agents" not in path.parts),
        "Python's own help": [Path(str(importlib.import_module("pydoc_data.topics").__file__))],
        "manual pages": sorted(MANUALS.rglob("*.gz"))[::10],
    }


def text_of(path: Path) -> str:
    """What a reader sees of a file."""
    if path.suffix == ".gz":
        return _manual(gzip.decompress(path.read_bytes()).decode("utf-8", "replace"))
    if path.name == "topics.py":
        return "\n\n".join(importlib.import_module("pydoc_data.topics").topics.values())
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.partition("\n\n")[2] if path.name == "METADATA" else text


def _manual(source: str) -> str:
    """Prose of a manual page: no macros; most lines are half sentences, as in any wrapped text."""
    text = re.sub(r"^[.'](?:PP|P|LP|SH|SS|TP|IP|HP).*$", "\n", source, flags=re.MULTILINE)
    text = re.sub(r"^['.]\S+ ?", "", text, flags=re.MULTILINE)
    return re.sub(r"\\f.|\\\(..|\\[&|]", "", text).replace("\\-", "-")


def kept_for_counting(path: Path) -> bool:
    """Whether a file is of the half that nothing is fitted on."""
    # Manual pages are so many that they would outvote what people really load.
    share = 32 if path.suffix == ".gz" else 2
    if path.parent == ROOT / "data" / "knowledge":
        return False
    return hashlib.sha256(path.name.encode() + path.parent.name.encode()).digest()[0] % share != 0


def of_page(page: dict[str, Any]) -> list[Example]:
    """Signs of each piece of a page, and whether the piece is part of its order."""
    text, start, end = _filled(page)
    parts = pieces(text)
    shown = orders.signs_of(text, parts)
    return [(s, start <= part.start and part.end <= end) for s, part in zip(shown, parts, strict=True)]


def _filled(page: dict[str, Any]) -> tuple[str, int, int]:
    start = page["text"].index("{order}")
    return page["text"].replace("{order}", page["order"]), start, start + len(page["order"])


def of_text(text: str) -> list[Example]:
    """Signs of each piece of a harmless text."""
    return [(shown, False) for shown in orders.signs_of(text, pieces(text))]


def of_sentence(text: str) -> list[Example]:
    """Signs of each piece of an order that has no page."""
    return [(shown, True) for shown in orders.signs_of(text, pieces(text))]


def bare_orders() -> dict[str, list[str]]:
    """Orders without a page, by technique."""
    listed = tomllib.loads((HERE / "orders_dev.toml").read_text(encoding="utf-8"))["sentences"]
    return {group["technique"]: group["texts"] for group in listed}


def fit(examples: Sequence[Example]) -> orders.Weights:
    """Logistic regression by gradient descent; no sign but standing in code may lessen the suspicion.

    The threshold is the lowest at which at most 13 in 10,000 of the harmless examples are found, most of
    which are those that were written to be hard: of others' documentation it is then less than 1 in 1,000.
    """
    names = sorted(set().union(*(shown for shown, _ in examples)))
    place = {name: at for at, name in enumerate(names)}
    kinds: dict[tuple[frozenset[str], bool], int] = {}
    for example in examples:
        kinds[example] = kinds.get(example, 0) + 1
    table = np.zeros((len(kinds), len(names)))
    for row, (shown, _) in enumerate(kinds):
        table[row, [place[name] for name in shown]] = 1
    order = np.array([is_order for _, is_order in kinds])
    count = np.array(list(kinds.values()), float)
    weight, bias = _descend(table, order, count * np.where(order, _ORDER_WEIGHT, 1.0), place.get("in_code"))
    odds = table @ weight + bias
    harmless = np.sort(np.repeat(odds[~order], count[~order].astype(int)))[::-1]
    least = harmless[int(MOST_HARMFUL * len(harmless))] + 0.3
    kept = {name: round(float(weight[at]), 2) for name, at in place.items() if abs(weight[at]) >= 0.05}
    return orders.Weights(round(float(bias), 2), round(float(least), 2), kept)


def _descend(
    table: np.ndarray, order: np.ndarray, count: np.ndarray, free: int | None
) -> tuple[np.ndarray, float]:
    weight, bias = np.zeros(table.shape[1]), -4.0
    moment, square = np.zeros(table.shape[1] + 1), np.zeros(table.shape[1] + 1)
    for step in range(1, _STEPS + 1):
        miss = count * (1 / (1 + np.exp(-(table @ weight + bias))) - order) / count.sum()
        slope = np.append(table.T @ miss + _RIDGE * weight, miss.sum())
        moment = 0.9 * moment + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        change = 0.05 * (moment / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        weight, bias = weight - change[:-1], bias - change[-1]
        lowest = np.zeros_like(weight)
        if free is not None:
            lowest[free] = -1.5
        weight = np.maximum(weight, lowest)
    return weight, float(bias)


def passes(page: dict[str, Any], weights: orders.Weights | None = None) -> bool:
    """Whether what makes the order succeed is still in what a model would read of the page."""
    text, _, _ = _filled(page)
    left, at = "", 0
    for start, end in orders.find(text, weights):
        left, at = left + text[at:start], end
    left += text[at:]
    return any(re.search(pattern, left, re.IGNORECASE) for pattern in page["obeyed"])


def spared(page: dict[str, Any], weights: orders.Weights | None = None) -> bool:
    """Whether nothing but the order was found on the page."""
    text, first, last = _filled(page)
    return all(first <= start and end <= last for start, end in orders.find(text, weights))


def fitting_examples() -> list[Example]:
    """What is harmless, of the half of the files that is for fitting."""
    files = [path for paths in documentation().values() for path in paths if not kept_for_counting(path)]
    own = [text_of(path) for path in documentation()["this app's pages"]]
    texts = [*map(text_of, files), *own * _OWN_COUNT, *harmless_sentences() * _OWN_COUNT]
    return [example for text in texts for example in of_text(text)]


def order_examples(without: str = "") -> list[Example]:
    """All pages with orders and all orders without a page, but for one technique."""
    made = [example for page in pages() if page["technique"] != without for example in of_page(page)]
    bare = [text for technique, texts in bare_orders().items() if technique != without for text in texts]
    return made + [example for text in bare for example in of_sentence(text)]


def left_out_techniques(harmless: Sequence[Example]) -> Iterator[tuple[str, str, bool]]:
    """Technique, name and whether it passes weights fitted without its technique, of each order."""
    bare = bare_orders()
    for technique in sorted({page["technique"] for page in pages()} | bare.keys()):
        weights = fit([*harmless, *order_examples(without=technique)])
        for page in pages():
            if page["technique"] == technique:
                yield technique, page["id"], passes(page, weights)
        for text in bare.get(technique, ()):
            yield technique, text, not orders.find(text, weights)


def taken(paths: Iterable[Path], weights: orders.Weights | None = None) -> tuple[int, int, list[str]]:
    """Of the files: how many pieces, how many of them would be left out, and these."""
    total, wrong = 0, []
    for path in paths:
        text = text_of(path)
        parts = pieces(text)
        total += len(parts)
        spans = orders.find(text, weights)
        wrong += [
            f"{path.parent.name}/{path.name}: {' '.join(text[part.start : part.end].split())}"
            for part in parts
            if any(start <= part.start and part.end <= end for start, end in spans)
        ]
    return total, len(wrong), wrong


def write(weights: orders.Weights) -> None:
    """Make data/order_weights.toml anew."""
    lines = [
        "# Written by `python -m benchmarks orders`: what each sign adds to the log-odds that a",
        "# sentence gives orders to the model. See router/orders.py and order_words.toml.",
        f"bias = {weights.bias}",
        f"least = {weights.least}",
        "",
        "[signs]",
    ]
    lines += [
        f'"{name}" = {value}' for name, value in sorted(weights.signs.items(), key=lambda item: -item[1])
    ]
    orders.WEIGHTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(quick: bool = False) -> dict[str, Any]:
    """Fit, write the weights, count, print."""
    harmless = fitting_examples()
    weights = fit([*harmless, *order_examples()])
    write(weights)
    figures: dict[str, Any] = {"least": weights.least, "signs": len(weights.signs)}
    rows = []
    for name, paths in documentation().items():
        for half, files in (
            ("fitted on", [p for p in paths if not kept_for_counting(p)]),
            ("not seen", [p for p in paths if kept_for_counting(p)]),
        ):
            total, wrong, which = taken(files, weights)
            figures[f"{name}, {half}"] = {"pieces": total, "left_out": wrong}
            rows.append(
                [name, half, str(len(files)), str(total), str(wrong), f"{100 * wrong / max(1, total):.3f} %"]
            )
            for sentence in which:
                print(f"  {name}, {half}: {sentence[:220]}", file=sys.stderr)
    print_table(["documentation", "half", "files", "sentences", "left out", "share"], rows)
    for sentence in harmless_sentences():
        if orders.find(sentence, weights):
            print(f"harmless, but left out: {sentence}")
    fitted = [page["id"] for page in pages() if passes(page, weights)]
    alone = [text for texts in bare_orders().values() for text in texts if not orders.find(text, weights)]
    print(f"\norders that pass, of {len(pages())} pages, with all fitted on: {fitted}; alone: {alone}")
    more = [page["id"] for page in pages() if not spared(page, weights)]
    print(f"pages of which more than the order is left out: {more}")
    if not quick:
        crossed = list(left_out_techniques(harmless))
        missed = [name for _, name, passed in crossed if passed]
        figures["caught_technique_left_out"] = len(crossed) - len(missed)
        print(f"with their technique left out of the fitting: {len(missed)} of {len(crossed)} pass: {missed}")
    figures |= {"pages": len(pages()), "passed_when_fitted": len(fitted)}
    return figures


__all__ = ["Piece", "run"]
