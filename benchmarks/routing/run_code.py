"""Runs code that a model wrote against tests: in a process of its own, with little time and memory.

This guards against accidents (an endless loop, a deleted file), not against somebody who means harm:
the process may not write files, start others or use the network, as far as Python's audit events tell.
"""

from __future__ import annotations

import secrets
import sqlite3
import subprocess
import sys
import tempfile

CPU_S = 4
WALL_S = 20.0
MEMORY_BYTES = 512 * 2**20
SQL_STEPS = 2_000_000

_GUARD = f"""
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_CPU, ({CPU_S}, {CPU_S}))
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
except ImportError:
    pass  # not on Windows: there only the time on the clock is limited
def _watch(event, arguments):
    writes = event == "open" and (
        any(sign in str(arguments[1] or "") for sign in "wax+")
        # os.open gives flags instead of a mode: everything but reading has one of the lowest two bits
        or (arguments[1] is None and bool(int(arguments[2] or 0) & 3))
    )
    begins = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
              "os.kill", "os.remove", "os.rmdir", "os.rename", "os.truncate", "os.chmod", "os.link",
              "os.symlink", "os.mkdir", "shutil.", "ctypes.")
    if writes or event.startswith(begins):
        raise PermissionError(f"not allowed here: {{event}}")
sys.addaudithook(_watch)
"""


def passes(code: str, tests: str) -> bool:
    """Whether `tests` (Python statements, such as asserts) run without an error after `code`.

    Only a run that reaches the end counts: code that leaves early has not passed.
    """
    reached = secrets.token_hex(16)
    # The guard comes first and in a line of its own; the code is compiled apart so that its own
    # `from __future__` or a syntax error does not concern the rest.
    script = (
        f"{_GUARD}\n_space = {{'__name__': 'answer'}}\n"
        f"exec(compile({code!r}, 'answer', 'exec'), _space)\n"
        f"exec(compile({tests!r}, 'tests', 'exec'), _space)\n"
        f"sys.__stdout__.write({reached!r})\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-B", "-"],
                input=script.encode("utf-8", "replace"),
                cwd=folder, env={}, capture_output=True, timeout=WALL_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0 and done.stdout.endswith(reached.encode())


def rows_of(query: str, tables: str) -> list[tuple[object, ...]] | None:
    """What an SQL query gives in a new database in memory filled by `tables`; None for an error.

    Only reading is allowed, and only so many steps.
    """
    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(tables)
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY
        )
        connection.set_progress_handler(lambda: 1, SQL_STEPS)
        return [tuple(row) for row in connection.execute(query).fetchmany(1000)]
    except (sqlite3.Error, sqlite3.Warning):
        return None
    finally:
        connection.close()
