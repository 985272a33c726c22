"""The questions of `make bench-sources`: what is asked, what tells it, how an answer is judged."""

from __future__ import annotations

import importlib.util
import random
import re
from collections import defaultdict
from pathlib import Path
from typing import Literal

from pydantic import Field

from data.config import load_toml
from data.index_file import file_for
from data.knowledge_index import KnowledgeIndex
from data.paths import index_folder
from data.records import Passage, Record
from router.prompts import Prompt, read_prompts

HERE = Path(__file__).parent
SETS = {"own": HERE / "sources_questions.toml", "streamlit": HERE / "sources_streamlit.toml"}
# What the search's weights are fitted on, together with the dev halves.
PRACTICE = {
    "own": HERE / "sources_practice.toml",
    "streamlit": HERE / "sources_practice_streamlit.toml",
}

Half = Literal["dev", "test"]


class Question(Record):
    """One question; the keys are explained at the top of sources_questions.toml.

    `half` is not in the file: it follows from the question's place within its kind.
    """

    id: str
    ask: str
    kind: Literal["plain", "reworded", "unanswerable"]
    sections: tuple[str, ...] = Field(default=(), alias="in")
    must: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    half: Half = "dev"

    @property
    def answerable(self) -> bool:
        """Whether the documentation tells it."""
        return self.kind != "unanswerable"

    def told_by(self, passage: Passage) -> bool:
        """Whether the passage is of a section that answers the question."""
        heading = passage.heading[-1] if passage.heading else passage.source_title
        return f"{passage.source_id}#{heading}" in self.sections

    def right(self, answer: str) -> bool:
        """Whether the answer holds all the facts and nothing that no right answer holds."""
        return all(_found(fact, answer) for fact in self.must) and not any(
            _found(slip, answer) for slip in self.never
        )


class QuestionSet(Record):
    """Questions on one folder of documents: a path in the repository, or `package:path` in a package.

    `product` is the name of what the documents are about.
    """

    documents: str
    product: str
    question: tuple[Question, ...]

    def folder(self) -> Path:
        """Where the documents are. Raises ModuleNotFoundError if the package is not installed."""
        package, _, path = self.documents.rpartition(":")
        if not package:
            return HERE.parent / path
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            raise ModuleNotFoundError(package)
        return Path(found.origin).parent / path


def load(name: str) -> QuestionSet:
    """The set `own` or `streamlit`, each question with its half. Raises ConfigError."""
    loaded = load_toml(SETS[name], QuestionSet)
    places: dict[str, int] = defaultdict(int)
    questions = []
    for question in loaded.question:
        half: Half = "test" if places[question.kind] % 2 else "dev"
        places[question.kind] += 1
        questions.append(question.model_copy(update={"half": half}))
    return loaded.model_copy(update={"question": tuple(questions)})


def practice(name: str) -> QuestionSet:
    """The practice questions on the documents of the set `name`; all are dev. Raises ConfigError."""
    return load_toml(PRACTICE[name], QuestionSet)


def ordinary(most: int, *, held_out: bool) -> list[Prompt]:
    """Messages that ask for something else than a product's documents: of the router's English prompts.

    `held_out`: of the fifth that nothing is fitted on, or of the others. Always the same ones.
    """
    chosen = [
        prompt
        for prompt in read_prompts()
        if len(prompt.messages) == 1 and prompt.language == "en" and prompt.held_out == held_out
    ]
    return random.Random(5).sample(chosen, min(most, len(chosen)))


def index_of(questions: QuestionSet) -> KnowledgeIndex:
    """The index of the set's documents, read closely: a minute of a core, the first time."""
    folder = questions.folder()
    index = KnowledgeIndex.build(folder, file_for(folder, index_folder()))
    index.read_closely()
    return index


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None
