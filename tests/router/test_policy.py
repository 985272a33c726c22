"""data/policy.toml: every task once, mistakes named."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.config import ConfigError
from data.paths import shipped
from data.policy import TASKS, load_policy

SHIPPED = shipped("policy.toml").read_text(encoding="utf-8")


def test_the_shipped_policy_names_every_task() -> None:
    policy = load_policy()
    assert policy.tier_names == ("fast", "heavy")
    assert sorted(task for tasks in policy.tiers.values() for task in tasks) == sorted(TASKS)
    assert (policy.tier_of("translate"), policy.tier_of("maths")) == ("fast", "heavy")
    assert (policy.level_of("translate"), policy.level_of("maths")) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"lookup",', '"lookup", "cooking",', "unknown task 'cooking'; known: lookup"),
        ('"lookup",', "", "no tier: lookup"),
        ('"lookup",', '"lookup", "maths",', "more than one tier: maths"),
        ('careful = ["code",', 'careful = ["cod",', "unknown task 'cod'"),
        ("threshold = 0.5", "threshold = 5", "threshold"),
        ("threshold = 0.5", "treshold = 0.5", "key 'treshold' is not known; known here: .*threshold"),
        ("threshold = 0.5", "threshold = ", "not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SHIPPED
    path = tmp_path / "policy.toml"
    path.write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        load_policy(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_policy(tmp_path / "policy.toml")
