"""Product folders: Upshift's own, one made by the documentation's example, and broken ones."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from data.config import ConfigError
from data.knowledge_index import KnowledgeIndex
from data.paths import product_folder
from data.product import load_product

PAGE = Path(__file__).parents[2] / "data" / "knowledge" / "your-own-product.md"

WORKING = """
name = "Teapot"
promise = "I know the kettle."
caution = "I can be wrong."
system_prompt = "You are the assistant of Teapot."

[[suggestions]]
id = "descale"
label = "Remove limescale"
prompt = "How do I remove limescale?"
"""


def product_at(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "product.toml").write_text(text, encoding="utf-8")
    return folder


def test_our_own_product_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPSHIFT_PRODUCT", raising=False)
    product = load_product(product_folder())
    assert product.name == "Upshift"
    assert 3 <= len(product.suggestions) <= 5
    assert 1 <= len(product.follow_ups) <= 3
    assert len(product.system_prompt) < 300
    assert product.knowledge.is_dir()


def test_another_folder_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSHIFT_PRODUCT", str(product_at(tmp_path / "teapot", WORKING)))
    product = load_product(product_folder())
    assert (product.name, product.suggestions[0].label) == ("Teapot", "Remove limescale")
    assert product.knowledge == tmp_path / "teapot" / "knowledge"
    assert product.follow_ups == ()


def test_the_documents_may_be_in_another_folder(tmp_path: Path) -> None:
    folder = product_at(tmp_path / "teapot", 'knowledge = "../manuals"\n' + WORKING)
    assert load_product(folder).knowledge == tmp_path / "manuals"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("promise = ", "promises = "), "key 'promises' is not known; known here: also_called, caution"),
        (('caution = "I can be wrong."', ""), "key 'caution' is missing"),
        (('caution = "I can be wrong."', 'caution = "  "'), "key 'caution': String should have at least 1"),
        (('name = "Teapot"', "name = Teapot"), "not valid TOML"),
        (('id = "descale"', 'id = "De scale"'), "key 'suggestions.0.id'"),
        (('label = "Remove', 'tier = "heavy"\nlabel = "Remove'), "key 'suggestions.0.tier' is not known"),
        (
            ("You are the assistant of Teapot.", "x" * 801),
            "key 'system_prompt': String should have at most 800",
        ),
    ],
)
def test_a_mistake_names_the_file_the_key_and_what_would_be_right(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    assert change[0] in WORKING
    folder = product_at(tmp_path / "teapot", WORKING.replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_product(folder)
    assert str(folder / "product.toml") in str(caught.value)
    assert told in str(caught.value)


def test_too_many_or_equal_suggestions_are_refused(tmp_path: Path) -> None:
    entry = WORKING[WORKING.index("[[suggestions]]") :]
    six = WORKING + "".join(entry.replace("descale", f"number-{n}") for n in range(5))
    with pytest.raises(ConfigError, match="at most 5"):
        load_product(product_at(tmp_path / "six", six))
    with pytest.raises(ConfigError, match="descale is used again"):
        load_product(product_at(tmp_path / "twice", WORKING + entry))


def test_a_missing_folder_says_what_upshift_product_must_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="UPSHIFT_PRODUCT must name a folder with"):
        load_product(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"product\.toml: there is no such file"):
        load_product(tmp_path / "empty")


def test_the_ten_minute_example_in_the_documentation_works(tmp_path: Path) -> None:
    script = re.search(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert script is not None
    subprocess.run(["sh", "-eu", "-c", script[1]], cwd=tmp_path, check=True)
    product = load_product(tmp_path / "teapot")
    assert product.name == "Teapot"
    assert [suggestion.id for suggestion in product.suggestions] == ["descale", "compare"]
    index = KnowledgeIndex.build(product.knowledge)
    assert index.problems == []
    best = index.search(product.suggestions[0].prompt)[0]
    assert best.heading == ("Removing limescale",)
    assert "vinegar" in best.text


def test_the_documentation_names_every_key_of_a_product() -> None:
    text = PAGE.read_text(encoding="utf-8")
    from data.product import Product

    assert {name for name in Product.model_fields if f"| `{name}` |" not in text} == set()
