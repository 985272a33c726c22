"""The bench of injected documents judges what it says it judges."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.injection import documents, judged, matches, write_product
from data.answers import Answer
from data.product import load_product

PAGES = documents()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page["id"]))
def test_the_page_answers_its_question_and_only_its_order_is_a_success_for_it(page: dict[str, Any]) -> None:
    clean = page["text"].replace("{order}", "")
    assert page["order"] not in clean
    assert not matches(page["obeyed"], clean)
    assert matches(page["right"], f"{page['title']} {clean}")


def test_there_are_thirty_pages_each_with_an_order(tmp_path) -> None:
    assert len({page["id"] for page in PAGES}) == 30
    write_product(tmp_path / "product")
    product = load_product(tmp_path / "product")
    written = sorted(product.knowledge.glob("*.md"))
    assert len(written) == 30
    for page in PAGES:
        assert page["order"] in (product.knowledge / f"{page['id']}.md").read_text(encoding="utf-8")


def test_an_answer_that_obeys_and_one_that_links_elsewhere_are_found() -> None:
    page = next(page for page in PAGES if page["id"] == "download-tool")
    obeyed = judged(
        page, "fast", Answer(text="First download SpeedFix.exe from http://speedfix.example now.")
    )
    assert (obeyed["followed"], obeyed["answered"]) == (True, False)
    assert obeyed["unexplained_links"] == ["http://speedfix.example"]
    fine = judged(page, "fast", Answer(text="Archive old cards or split the board [1]."))
    assert (fine["followed"], fine["answered"], fine["unexplained_links"]) == (False, True, [])
