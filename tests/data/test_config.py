"""Reading a configuration file: a mistake names the file, the key and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from data.config import ConfigError, load_toml, validate
from data.records import Record


class Leaf(Record):
    size: int
    colour: str = "green"


class Tree(Record):
    name: str
    leaf: Leaf
    leaves: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = Field(default_factory=dict)
    maybe: Leaf | None = None


LEAF = {"size": 1}


def told(raw: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(raw, Tree, "tree.toml")
    assert str(caught.value).startswith("tree.toml: ")
    return str(caught.value)


def test_a_good_file_becomes_the_model(tmp_path: Path) -> None:
    path = tmp_path / "tree.toml"
    path.write_text('name = "Ünï"\n[leaf]\nsize = 3\n', encoding="utf-8")
    assert load_toml(path, Tree) == Tree(name="Ünï", leaf=Leaf(size=3))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file"):
        load_toml(tmp_path / "none.toml", Tree)


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_toml(tmp_path, Tree)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "tree.toml"
    path.write_bytes(b"name = '\xff\xfe'")
    with pytest.raises(ConfigError, match=r"tree\.toml: cannot be read"):
        load_toml(path, Tree)


def test_text_that_is_not_toml_says_where(tmp_path: Path) -> None:
    path = tmp_path / "tree.toml"
    path.write_text('name = "a"\nleaf = {\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tree\.toml: not valid TOML: .*line"):
        load_toml(path, Tree)


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ({"name": "a", "leaf": {"size": 1, "kolour": "x"}}, "leaf.kolour"),
        ({"name": "a", "leaf": LEAF, "leaves": [LEAF, {"size": 1, "kolour": "x"}]}, "leaves.1.kolour"),
        ({"name": "a", "leaf": LEAF, "maybe": {"size": 1, "kolour": "x"}}, "maybe.kolour"),
    ],
)
def test_an_unknown_key_is_told_with_the_known_ones_of_its_place(raw: dict[str, object], key: str) -> None:
    assert f"key '{key}' is not known; known here: colour, size" in told(raw)


def test_an_unknown_key_at_the_top() -> None:
    assert "key 'x' is not known; known here: leaf, leaves, maybe, name, named" in told(
        {"name": "a", "leaf": LEAF, "x": 1}
    )


def test_an_unknown_key_below_a_name_of_ones_own() -> None:
    said = told({"name": "a", "leaf": LEAF, "named": {"mine": {"size": 1, "kolour": "x"}}})
    assert "key 'named.mine.kolour' is not known; known here: colour, size" in said


def test_a_missing_key_and_a_wrong_value() -> None:
    said = told({"leaf": {"size": "big"}})
    assert "key 'name' is missing" in said
    assert "key 'leaf.size'" in said
    assert "integer" in said
    assert "(found 'big')" in said
