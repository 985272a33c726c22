"""Passages for tests that need one at hand."""

from __future__ import annotations

from data.records import Decision, Passage

LOOKUP = Decision(task="lookup", tier="fast", score=0.2)


def a_passage(
    text: str, source_id: str = "a", title: str = "Sharing", heading: str = "Export links", score: float = 0.0
) -> Passage:
    """A document's only passage."""
    return Passage(
        passage_id=f"{source_id}#0-{len(text)}",
        source_id=source_id,
        source_title=title,
        heading=(heading,),
        text=text,
        start=0,
        end=len(text),
        score=score,
    )


EXPORT_LINKS = a_passage("Export links work for 7 days. Only the owner or an admin can delete a shared view.")
