"""A folder of many documents, as a company's help centre or wiki would have them; the same every time.

Word frequencies follow Zipf's law, as in real text, with a vocabulary of 30,000 words; subjects are
shared by documents, and a few kinds of sections come up everywhere ("Settings", "Limits").
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

VOCABULARY = 30_000
# English function words are about half of running text; the search drops them.
SMALL = (
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "is",
    "it",
    "for",
    "on",
    "that",
    "with",
    "as",
    "be",
    "are",
    "this",
    "by",
    "you",
    "can",
    "at",
    "or",
    "not",
    "if",
    "when",
)
SECTIONS = ("Overview", "Settings", "Limits", "Permissions", "Examples", "Troubleshooting", "See also")


class Writer:
    """Writes documents and asks questions about them, from one seed."""

    def __init__(self, seed: int = 7) -> None:
        self.random = np.random.default_rng(seed)
        self.words = self._vocabulary()
        self._rest = np.array(self.words[200:])
        # Zipf's law with exponent 1 (Zipf, Human Behavior and the Principle of Least Effort, 1949).
        weights = 1 / np.arange(1, VOCABULARY + 1)
        self._up_to = np.cumsum(weights / weights.sum())
        self.subjects: list[list[str]] = []

    def write(self, folder: Path, documents: int) -> None:
        """Make `documents` Markdown files of some 500 words below `folder`."""
        for number in range(documents):
            subject = [str(word) for word in self.random.choice(self._rest, 3, replace=False)]
            self.subjects.append(subject)
            path = folder / f"team-{number % 40:02}" / f"{subject[0]}-{number}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._document(subject), encoding="utf-8")

    def question(self) -> str:
        """What somebody could ask: a document's subject in part, with common and rare words around it."""
        subject = self.subjects[int(self.random.integers(len(self.subjects)))]
        about = self.random.choice(subject, int(self.random.integers(1, 4)), replace=False)
        others = self._some(int(self.random.integers(1, 5)))
        section = str(self.random.choice(SECTIONS)).lower()
        words = [*map(str, about), *others, section]
        self.random.shuffle(words)
        return f"how do I change the {' '.join(words)}?"

    def _document(self, subject: list[str]) -> str:
        parts = [f"# {' '.join(subject[:2]).capitalize()}", self._paragraph(subject)]
        for section in self.random.choice(SECTIONS, 4, replace=False):
            parts += [f"## {section} of {subject[0]}", self._paragraph(subject), self._paragraph(subject)]
        return "\n\n".join(parts) + "\n"

    def _paragraph(self, subject: list[str]) -> str:
        length = int(self.random.integers(30, 80))
        told = self._some(length)
        words = [
            SMALL[int(self.random.integers(len(SMALL)))] if self.random.random() < 0.5 else word
            for word in told
        ]
        words[length // 3] = subject[int(self.random.integers(3))]
        sentences = [" ".join(words[at : at + 14]).capitalize() + "." for at in range(0, length, 14)]
        return " ".join(sentences)

    def _some(self, count: int) -> list[str]:
        """Words as often as Zipf's law has them."""
        places = np.searchsorted(self._up_to, self.random.random(count))
        return [self.words[min(int(place), VOCABULARY - 1)] for place in places]

    def _vocabulary(self) -> list[str]:
        syllables = [a + b for a in [*"bcdfghklmnprstvw", "st", "pr", "tr"] for b in "aeiou"]
        made: dict[str, None] = {}
        while len(made) < VOCABULARY:
            count = int(self.random.integers(2, 5))
            word = "".join(self.random.choice(syllables, count))
            made[word + str(self.random.choice(["", "n", "t", "s", "l"]))] = None
        return list(made)
