"""The tasks of `make bench-routing`: every checker tells right answers from wrong ones, without a model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.routing.checkers import Json, Label, Number, Output, Sequence, Words
from benchmarks.routing.final_answer import code_of, final_number, final_part, numbers
from benchmarks.routing.run_code import passes, rows_of
from benchmarks.routing.tasks import FOLDER, Task, read_tasks
from data.config import ConfigError
from data.policy import load_policy
from router.prompts import read_prompts

TASKS = read_tasks()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_a_checker_accepts_what_is_right_and_rejects_what_is_wrong(task: Task) -> None:
    assert [answer for answer in task.right if not task.checker.accepts(answer)] == []
    assert [answer for answer in task.wrong if task.checker.accepts(answer)] == []


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_no_checker_accepts_nothing_or_the_question_itself(task: Task) -> None:
    assert not task.checker.accepts("")
    assert not task.checker.accepts("I'm sorry, I can't help with that.")
    if task.checker.kind in ("number", "label", "sequence", "output", "python", "sql", "json"):
        assert not task.checker.accepts(task.ask)


def test_there_are_enough_tasks_of_both_sorts_and_of_every_kind_of_checker() -> None:
    policy = load_policy()
    light = [task for task in TASKS if policy.level_of(task.work) < 0.5]
    assert len(TASKS) >= 120
    assert len(light) >= 50
    assert len(TASKS) - len(light) >= 50
    kinds = {task.checker.kind for task in TASKS}
    assert kinds == {"number", "label", "words", "sequence", "json", "output", "python", "sql"}
    assert sum(task.id.startswith("docs-") for task in TASKS) >= 10


def test_no_task_is_a_prompt_that_the_router_was_trained_on() -> None:
    known = {" ".join(p.messages[-1].content.lower().split()) for p in read_prompts()}
    assert [task.id for task in TASKS if " ".join(task.ask.lower().split()) in known] == []


def test_a_mistake_in_a_file_is_told_with_its_name(tmp_path: Path) -> None:
    good = (FOLDER / "documentation.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(good.replace('work = "lookup"', 'work = "cooking"'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"(?s)mine\.toml.*cooking"):
        read_tasks(tmp_path)
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text(good, encoding="utf-8")
    (tmp_path / "mine.toml").unlink()
    with pytest.raises(ConfigError, match="docs-01"):
        read_tasks(tmp_path)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("17 + 26 = 43.", 43),
        ("The total is **1,234.50** euros.", 1234.5),
        ("Step 1: 7. Step 2: 9.\n**Answer:** 12 (not 13)", 12),
        ("Answer: 3 × 12 = 36 euros for 2 people", 36),
        ("The answer is 5.\nBut wait: the final answer is: 7", 7),
        ("Answer:\n\n\\[ \\boxed{65} \\]", 65),
        ("Answer: $65", 65),
        ("Answer: -4", -4),
        ("17-26", 26),
        ("no number", None),
        ("Answer: none", None),
    ],
)
def test_the_number_that_an_answer_comes_to(text: str, number: float | None) -> None:
    assert final_number(text) == number


def test_parts_and_code_of_an_answer() -> None:
    assert final_part("so\nAnswer: B, since 2 > 1\nBye") == ("B, since 2 > 1", True)
    assert final_part("nothing marked") == ("nothing marked", False)
    assert numbers("1,200 and 3.5 and v2 and 10:30") == [1200, 3.5, 10, 30]
    assert code_of("Here:\n```python\nx = 1\n```\nand\n```\ny = 2\n```\nDone") == "x = 1\n\n\ny = 2\n"
    assert code_of("x = 1") == "x = 1"
    assert code_of("cut off:\n```python\nx = 1") == "x = 1"


def test_labels_words_order_json_and_output_are_strict() -> None:
    label = Label(kind="label", value="spam", options=("spam", "not spam"))
    assert not label.accepts("It is spam or not spam.")
    words = Words(kind="words", all=(("30 days",),), none=("60 days",))
    assert not words.accepts("130 days")
    assert not words.accepts("30 days, or 60 days in demos")
    order = Sequence(kind="sequence", value=("one", "two"))
    assert order.accepts("Answer: one, two")
    assert not order.accepts("Answer: two, one")
    assert not order.accepts("Answer: one")
    value = Json(kind="json", value={"n": 1, "names": ["Ada"]})
    assert value.accepts('Sure:\n{"names": ["ada "], "n": 1.0}')
    assert not value.accepts('{"names": ["Ada"], "n": true}')
    assert not value.accepts('{"names": ["Ada"], "n": 1, "more": 2}')
    assert not Output(kind="output", value="AB").accepts("ab")
    assert not Number(kind="number", value=2, within=0.1).accepts("2.2")


def test_code_that_never_ends_grows_or_leaves_early_does_not_pass() -> None:
    assert passes("def f(): return 1", "assert f() == 1")
    assert not passes("def f(): return 1", "assert f() == 2")
    assert not passes("while True: pass", "")
    assert not passes("import sys; sys.exit(0)", "assert False")
    assert not passes("import os; os._exit(0)", "assert False")
    assert not passes("this is no code", "")
    if sys.platform != "win32":
        assert not passes("x = bytearray(2**31)", "")


@pytest.mark.parametrize(
    "code",
    [
        "open('file', 'w')",
        "import os; os.open('file', os.O_CREAT | os.O_WRONLY)",
        "import os; os.remove('/nothing')",
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import socket; socket.create_connection(('127.0.0.1', 1))",
        "import shutil; shutil.rmtree('/nothing')",
    ],
)
def test_code_cannot_write_start_or_connect(code: str) -> None:
    guarded = f"try:\n    {code}\nexcept PermissionError as error:\n    said = str(error)\n"
    assert passes(guarded, "assert said.startswith('not allowed here')")


def test_queries_only_read_and_end() -> None:
    tables = "create table t(a integer); insert into t values (1), (2);"
    assert rows_of("select a from t order by a", tables) == [(1,), (2,)]
    assert rows_of("drop table t", tables) is None
    assert rows_of("attach database 'x.db' as x", tables) is None
    assert rows_of("not sql", tables) is None
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"
    assert rows_of(endless, tables) is None
