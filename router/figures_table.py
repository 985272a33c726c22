"""The figures as text: the table beside the goals, and how far the score can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_ROWS = (
    ("AUC", "auc", "≥ .97"),
    ("heavy recall at fast recall .9", "heavy_recall_at_fast_recall_90", "≥ .92"),
    ("heavy recall, as shipped", "heavy_recall", ""),
    ("fast recall, as shipped", "fast_recall", ""),
    ("follow-ups, accuracy", "follow_ups.accuracy", "≥ .92"),
    ("steering, unchanged", "steering.unchanged", "1"),
    ("steering, right", "steering.right", "≥ .90"),
    ("not English, AUC", "not_english.auc", "≥ .95"),
    ("calibration error", "calibration_error", ""),
    ("task accuracy", "task_accuracy", ""),
    ("decide p50, ms", "p50_ms", "≤ 2"),
    ("decide p99, ms", "p99_ms", "≤ 15"),
)


def table(result: dict[str, Any]) -> str:
    """The report as text."""
    names = [name for name in ("upshift", "litellm", "length", "random") if name in result]
    ours = result["upshift"]
    lines = [
        f"held-out prompts: {ours['n']} ({ours['heavy']} heavy), {ours['follow_ups']['n']} follow-ups, "
        f"{ours['not_english']['n']} not English, {ours['steering']['n']} steering attempts",
        f"{'':34}{'goal':>8}" + "".join(f"{name:>10}" for name in names),
    ]
    for label, path, goal in _ROWS:
        cells = [_at(result[name], path) for name in names]
        shown = "".join(f"{'–' if cell is None else f'{cell:.3f}':>10}" for cell in cells)
        lines.append(f"{label:34}{goal:>8}{shown}")
    lines += reliability_plot(ours["reliability"])
    for kind in ("by_file", "by_language"):
        cells_of = (f"{name} {part['n']}/{part['auc']}" for name, part in ours[kind].items())
        lines.append(f"{kind.replace('_', ' ')} (n/AUC): " + ", ".join(cells_of))
    lines += ["most frequent task mistakes:"] + [
        f"  {a} taken for {b}: {n}" for a, b, n in result["confusion"]
    ]
    return "\n".join(lines)


def _at(tree: dict[str, Any], path: str) -> float | None:
    found: Any = tree
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return None if found is None else float(found)


def reliability_plot(rows: Sequence[dict[str, Any]], width: int = 40) -> list[str]:
    """Each bin of scores as a line: what the score promised (|) and what share was heavy work (●)."""
    lines = ["how far the score can be trusted: promised | and found ● share of heavy work, 0 to 1"]
    for row in rows:
        line = [" "] * (width + 1)
        line[round(row["score"] * width)] = "|"
        line[round(row["heavy"] * width)] = "●"
        lines.append(
            f"  {row['from']:.1f} {''.join(line)} {row['score']:.2f} {row['heavy']:.2f} n={row['n']}"
        )
    return lines
