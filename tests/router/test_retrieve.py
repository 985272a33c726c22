"""What the search finds for a message, and how it is shown to a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.config import ConfigError
from data.index_rows import Closely
from data.knowledge_index import KnowledgeIndex
from data.paths import product_folder, shipped
from data.product import load_product
from data.records import Message
from data.retrieval import RetrievalSettings, load_retrieval
from router.prompt import estimate_tokens
from router.ranking import Features, precedence, relevance
from router.retrieve import Retriever

THINGS = (
    "kettle", "garden", "violin", "harbour", "bakery", "glacier", "library", "tractor", "lantern", "saddle",
)  # fmt: skip
OURS = shipped("knowledge")
PLENTY = 4000


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    return Retriever(KnowledgeIndex.build(OURS), load_retrieval(shipped("")))


def ask(retriever: Retriever, message: str, *before: str, task: str = "lookup") -> list[str]:
    history = [
        Message(role="user" if n % 2 == 0 else "assistant", content=said) for n, said in enumerate(before)
    ]
    found = retriever.find(message, history, task=task, budget_tokens=PLENTY)
    return [f"{passage.source_id}: {passage.heading[-1]}" for passage in found.passages]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("what do you log?", "logging.md: What is logged"),
        ("What do you log about my messages, and how long is the text kept?", "privacy.md: How long"),
        ("How do you choose which model answers my message?", "routing.md: How a model is chosen"),
        ("how big is the download", "local-models.md: Size of the download"),
        ("where are the model files stored?", "local-models.md: Where the model files are kept"),
        ("how do i erase my data", "privacy.md: Deleting my data"),
        ("which environment variable sets the log file?", "settings.md: Environment variables"),
        ("what does p95 mean", "report.md: What p50 and p95 mean"),
        ("Can I run a study with participants?", "studies.md: Can I run a study"),
        ("does it work offline?", "demos.md: Demos on bad wifi or offline"),
        ("Can I upload a PDF?", "sources-and-citations.md: Can I attach my own files?"),
        ("port 8501 is already in use, what now?", "troubleshooting.md: Port already in use"),
        ("Does Upshift send telemetry?", "privacy.md: Does Upshift send telemetry?"),
        ("How do I force the heavy model?", "routing.md: Choosing the heavy or the fast model"),
        ("what is a stall?", "report.md: What a stall is"),
        ("Is there a dark theme?", "keyboard-and-accessibility.md: Light and dark theme"),
        ("how do I write a product.toml?", "your-own-product.md: What to write in product.toml"),
        ("do you keep what I type?", "logging.md: Is the text that I type logged"),
    ],
)
def test_questions_find_the_section_that_answers_them(
    retriever: Retriever, question: str, expected: str
) -> None:
    assert any(found.startswith(expected) for found in ask(retriever, question))


@pytest.mark.parametrize(
    "message",
    [
        "What is the capital of Peru?",
        "Write a haiku about autumn",
        "How long is the Nile?",
        "How do I stop a Docker container?",
        "What does HTTP 404 mean?",
        "Should I learn Rust or Go first?",
        "how do I log in to Netflix?",
        "Explain the difference between a mutex and a semaphore",
        "Why is the sky blue?",
        "Plan a three-day trip to Lisbon",
        "秘鲁的首都是哪里？",
        "",
        "😀",
    ],
)
def test_other_subjects_find_nothing(retriever: Retriever, message: str) -> None:
    assert ask(retriever, message) == []


def test_tasks_that_want_no_documents_search_none(retriever: Retriever) -> None:
    message = "What is logged about my messages?"
    assert ask(retriever, message)
    for task in ("translate", "rewrite", "chitchat"):
        found = retriever.find(message, [], task=task, budget_tokens=PLENTY)
        assert (found.passages, found.searched_passages, found.searched_documents) == ((), 0, 0)


def test_it_says_how_much_was_searched(retriever: Retriever) -> None:
    index = KnowledgeIndex.build(OURS)
    found = retriever.find("What is the capital of Peru?", [], task="lookup", budget_tokens=PLENTY)
    assert (found.searched_passages, found.searched_documents) == (index.passages, index.documents)
    assert found.search_ms > 0


def test_a_follow_up_takes_words_from_the_conversation(retriever: Retriever) -> None:
    found = ask(retriever, "and how long is it kept?", "what do you log?", "Times and counts [1].")
    assert "logging.md: Is the text that I type logged, and how long is it kept?" in found
    found = ask(retriever, "and how can I remove them again?", "where are the model files?", "In the cache.")
    assert "local-models.md: List, download or remove the models" in found


def test_a_follow_up_about_the_answer_itself_finds_the_same_again(retriever: Retriever) -> None:
    first = ask(retriever, "what is a stall?")
    for message in (
        "why?",
        "Say that again in one or two sentences.",
        "Give me one concrete example of that.",
    ):
        assert ask(retriever, message, "what is a stall?", "A gap [1].") == first
        assert ask(retriever, message) == []


def test_a_new_subject_is_not_answered_from_the_old_one(retriever: Retriever) -> None:
    before = ("what is a stall?", "A gap [1].")
    assert ask(retriever, "And what about Peru?", *before) == []
    assert ask(retriever, "What is the capital of Peru?", *before) == []
    assert ask(retriever, "How big is the model download?", *before)[0] == (
        "local-models.md: Size of the download"
    )


@pytest.mark.parametrize("closely", [False, True])
def test_a_question_that_says_all_is_not_drawn_to_what_came_before(tmp_path: Path, closely: bool) -> None:
    told = {
        "P95": "The p95 is the time that 95 of 100 turns stayed within.",
        "Few people": "With fewer than ten people plan more sessions, and write the reasons for each step.",
        "Log": "The log is one file. It is kept for ninety days.",
    }
    for heading, text in told.items():
        (tmp_path / f"{heading}.md").write_text(f"# Notes\n\n## What {heading} means\n\n{text}\n", "utf-8")
    index = KnowledgeIndex.build(tmp_path)
    if closely:
        index.read_closely()
    before = ("Write a plan in ten steps, with reasons for each step, for sessions with people.", "1. Ask.")
    retriever = Retriever(index, load_retrieval(shipped("")))
    assert ask(retriever, "What does p95 mean here?", *before)[:1] == ["P95.md: What P95 means"]


def test_a_follow_up_keeps_to_what_was_talked_about(tmp_path: Path) -> None:
    for name, colour in (("kettle", "red"), ("lamp", "blue"), ("chair", "green"), ("table", "white")):
        (tmp_path / f"{name}.md").write_text(
            f"# {name}\n\n## Looks\n\nThe colour of it is {colour}.", "utf-8"
        )
    settings = load_retrieval(shipped("")).model_copy(update={"earlier_words": 0.01})
    small = Retriever(KnowledgeIndex.build(tmp_path), settings)
    assert ask(small, "and its colour?", "Do you sell a lamp?", "Yes.") == ["lamp.md: Looks"]


def test_no_more_passages_than_the_settings_allow() -> None:
    settings = load_retrieval(shipped(""))
    question = "Why did you pick this model?"
    for most in (0, 1, 2):
        few = Retriever(
            KnowledgeIndex.build(OURS), settings.model_copy(update={"max_passages": most, "min_of_best": 0.1})
        )
        assert len(ask(few, question)) == most


def test_suggestions_of_lookup_kind_find_their_sections(retriever: Retriever) -> None:
    prompts = {item.id: item.prompt for item in load_product(shipped("")).suggestions}
    logged = retriever.find(prompts["what-is-logged"], [], task="lookup", budget_tokens=PLENTY).passages
    assert "30 days" in logged[0].text
    assert ask(retriever, prompts["how-routed"])[0] == "routing.md: How a model is chosen for a message"
    assert ask(retriever, prompts["find-bug"], task="debug") == []
    assert ask(retriever, prompts["plan-study"], task="plan") == []


def test_the_best_passage_comes_first_and_scores_fall(retriever: Retriever) -> None:
    found = retriever.find("Why did you pick this model?", [], task="lookup", budget_tokens=PLENTY)
    scores = [passage.score for passage in found.passages]
    assert len(scores) == 2
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


@pytest.mark.parametrize("budget", [0, 100, 200, 400, 600, 1200, 2000])
def test_passages_stay_within_their_share_of_the_budget(retriever: Retriever, budget: int) -> None:
    settings = load_retrieval(shipped(""))
    found = retriever.find(
        "How do you choose which model answers my message?", [], task="lookup", budget_tokens=budget
    )
    assert len(found.passages) <= settings.max_passages
    cost = sum(estimate_tokens(passage.text) for passage in found.passages)
    assert cost <= budget * settings.share_of_budget
    assert bool(found.passages) == (budget >= 400)


def test_a_passage_that_is_too_long_is_cut_at_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# Kettle\n\n## Guarantee\n\nThe guarantee lasts two years. "
        + "It covers the lid and the base. " * 12,
        encoding="utf-8",
    )
    index = KnowledgeIndex.build(tmp_path)
    whole = index.search("guarantee")[0]
    found = Retriever(index, load_retrieval(shipped(""))).find(
        "guarantee?", [], task="lookup", budget_tokens=400
    )
    (shorter,) = found.passages
    assert shorter.text.startswith("The guarantee lasts two years.")
    assert shorter.text.endswith(".")
    assert len(shorter.text) < len(whole.text)
    assert index.document("a.md").text[shorter.start : shorter.end] == shorter.text


def test_a_product_may_bring_its_own_settings(tmp_path: Path) -> None:
    text = shipped("retrieval.toml").read_text(encoding="utf-8")
    (tmp_path / "retrieval.toml").write_text(text.replace("max_passages = 2", "max_passages = 5"), "utf-8")
    assert load_retrieval(tmp_path).max_passages == 5
    assert load_retrieval(tmp_path / "without").max_passages == 2


def test_a_mistake_in_the_settings_names_the_key(tmp_path: Path) -> None:
    text = shipped("retrieval.toml").read_text(encoding="utf-8")
    (tmp_path / "retrieval.toml").write_text(
        text.replace("min_relevance = 0.08", "min_relevance = 8"), "utf-8"
    )
    with pytest.raises(ConfigError, match="key 'min_relevance'"):
        load_retrieval(tmp_path)


def test_a_word_stands_in_one_group_of_synonyms_only() -> None:
    settings = load_retrieval(shipped("")).model_dump()
    with pytest.raises(ValueError, match="keep is in two"):
        RetrievalSettings(**{**settings, "synonyms": [["keep", "store"], ["keep", "hold"]]})


def test_without_documents_nothing_was_searched(tmp_path: Path) -> None:
    empty = Retriever(KnowledgeIndex.build(tmp_path), load_retrieval(shipped("")))
    found = empty.find("what do you log?", [], task="lookup", budget_tokens=PLENTY)
    assert (found.passages, found.searched_passages) == ((), 0)


def test_a_section_does_not_fill_the_list_of_what_is_found(tmp_path: Path) -> None:
    paragraph = "The zeppelin is filled with helium before every flight over the lake. "
    (tmp_path / "a.md").write_text(f"# Air\n\n## The zeppelin\n\n{paragraph * 40}", "utf-8")
    (tmp_path / "b.md").write_text("# Old\n\n## Repairs\n\nA zeppelin can be mended.", "utf-8")
    index = KnowledgeIndex.build(tmp_path)
    assert index.passages > 4
    found = Retriever(index).ranked("How is the zeppelin filled?", limit=3)
    assert [passage.source_id for passage in found] == ["a.md", "b.md", "a.md"]


def test_what_is_said_in_quite_other_words_is_found_in_an_index_that_was_read_closely(tmp_path: Path) -> None:
    for number, thing in enumerate(f"{a} {b}" for a in ("red", "big", "old", "new") for b in THINGS):
        (tmp_path / f"{number}.md").write_text(f"# The {thing}\n\nEverything about the {thing}.", "utf-8")
    (tmp_path / "pets.md").write_text("# Animals\n\nDogs and cats may stay in the rooms for free.", "utf-8")
    index = KnowledgeIndex.build(tmp_path)
    retriever = Retriever(index)
    question = "Is my puppy allowed?"

    def given(message: str, task: str = "lookup") -> list[str]:
        found = retriever.find(message, [], task=task, budget_tokens=2000)
        return [passage.source_id for passage in found.passages]

    assert given(question) == []
    index.read_closely()
    assert given(question) == ["pets.md"]
    assert given("Write a poem about patience", "draft") == []
    assert given("Who wrote Hamlet?") == []
    assert given("Darf mein kleiner Hund bitte mit hinein?") == [], "only English is read closely"
    assert [
        each.features.closely for each in retriever.considered("Darf mein red kettle bitte auch mit hinein?")
    ] == [None] * 24
    index.close()


@pytest.mark.parametrize(
    ("path", "asked", "found"), [(0.93, 0.25, True), (0.7, 0.25, False), (0.7, 0.75, True)]
)
def test_a_heading_like_the_question_or_a_way_to_ask_like_it_is_enough(
    path: float, asked: float, found: bool
) -> None:
    near = Closely(text=0.5, path=path, text_above=0.04, path_above=0.1, asked=asked)
    features = Features(
        coverage=0.5, depth=0.4, heading=1.0, similarity=0.3, alone=0.0, whole=0.0, closely=near
    )
    assert (relevance(features) >= load_retrieval(product_folder()).min_relevance) is found


def test_a_passage_with_all_words_comes_before_one_that_only_means_the_like() -> None:
    # As measured for "How long is the text of my messages kept in the log?".
    means = Closely(text=0.53, path=0.64, text_above=0.1, path_above=0.24, asked=0.63)
    says = Closely(text=0.4, path=0.74, text_above=-0.03, path_above=0.34, asked=0.48)
    like = Features(0.64, depth=0.45, heading=0.67, similarity=0.73, alone=0.0, whole=0.0, closely=means)
    same = Features(1.0, depth=0.71, heading=0.8, similarity=0.82, alone=0.0, whole=1.0, closely=says)
    assert precedence(same) > precedence(like)
