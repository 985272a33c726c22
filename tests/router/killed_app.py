"""Apps to be killed: a process that has everything imported makes one for each line it reads.

Each app is the real one below the page (runtime, answers, journal, log) with the scripted provider,
and six people who never stop asking. It prints `asked <turn>` and `ended <turn>` when the log has
said that the row is on the disk.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn

from data.presets import load_preset
from data.records import new_id
from router import runtime
from router.litellm_client import Litellm
from router.services import build_services

PEOPLE = 6


def person(current: runtime.Runtime) -> None:
    session_id = new_id()
    current.journal.session(session_id, "test", "a test", runtime.APP_VERSION)
    while True:
        conversation = current.conversations.new()
        current.journal.conversation(
            conversation.conversation_id, session_id, conversation.started_at, "a test"
        )
        for _ in range(3):
            turn = conversation.ask(current.running, "Tell me a story.", session_id)
            # The answer's thread hands its rows to the log in order: with its second event there, the
            # turn's own row is on its way, and the log can be asked for it.
            turn.events(after=0, timeout_s=60)
            if current.log.flush(60):
                os.write(1, f"asked {turn.turn.turn_id}\n".encode())
            with turn.watched():
                turn.events(after=10**9, timeout_s=60)
            if turn.ended and current.log.flush(60):
                os.write(1, f"ended {turn.turn.turn_id}\n".encode())


def app() -> NoReturn:
    current = runtime.build(build_services(load_preset("scripted")))
    for _ in range(PEOPLE):
        threading.Thread(target=person, args=(current,), daemon=True).start()
    threading.Event().wait()
    raise AssertionError("unreachable")


def main() -> None:
    Litellm().module()  # the slow import, once for all apps
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            app()
        os.write(1, f"pid {child}\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"gone\n")


if __name__ == "__main__":
    main()
