"""What the cleaner does for a text that is still being written, so that the page does not jump."""

from __future__ import annotations

import re

from components.safe_inline import MARKER, open_code

_RUN = re.compile(r"\\.|(`++).*?(?<!`)\1(?!`)|<[^>]*>|\]\([^)]*\)|(\*+|_+|~~)", re.DOTALL)


def without_loose_end(lines: list[str]) -> list[str]:
    """The lines without a last piece of markup that means nothing until more of it arrives."""
    last = lines[-1]
    last = re.sub(rf"^\s*(?:{MARKER}|#{{1,6}}|>|`{{1,2}}|~{{1,2}}|=+|[-*_]{{1,2}})\s*$", "", last)
    last = re.sub(r"!\[([^\[\]]{0,500})(?:\](?:\([^()\s]{0,2000})?)?$", r"![\1](x)", last)
    last = re.sub(r"(?<!!)\[([^\[\]]{0,500})(?:\](?:\([^()\s]{0,2000})?)?$", r"\1", last)
    last = re.sub(r"(?:\\|&#?\w{0,30}|<[^\s<>]{0,200}|!)$", "", last)
    last += open_code(last)
    if last.lstrip().startswith("|"):
        return [*lines[:-1], *_table_so_far(lines, last)]
    return [*lines[:-1], last]


def _table_so_far(lines: list[str], last: str) -> list[str]:
    """The last table line; a header gets its delimiter row at once, and half a row waits."""
    above = lines[-2].strip() if len(lines) > 1 else ""
    half_delimiter = re.fullmatch(r"\|[\s|:-]*", last.strip())
    header = above if half_delimiter and above.startswith("|") else last.strip()
    if half_delimiter or not above.startswith("|"):
        columns = max(1, header.strip("|").count("|") + 1)
        row = "|" + " --- |" * columns
        done = half_delimiter or last.rstrip().endswith("|")
        return [row] if half_delimiter else ([last, row] if done else [""])
    return [last]


def close_emphasis(text: str) -> str:
    """Adds the ends of emphasis and code that the last block has only begun."""
    start = max(text.rfind("\n\n"), text.rfind("\n- "), text.rfind("\n* "), 0)
    block = text[start:]
    if re.search(r"^ *(?:> )*`{3,}", block, re.MULTILINE) or block.rstrip().endswith("|"):
        return text
    stack: list[str] = []
    for found in _RUN.finditer(block):
        run = found[2]
        before, after = block[found.start() - 1 : found.start()], block[found.end() : found.end() + 1]
        if not run or (run[0] == "_" and before.isalnum() and after.isalnum()):
            continue
        if stack and stack[-1] == run and before.strip():
            stack.pop()
        elif after.strip():
            stack.append(run)
        elif not after and found.end() == len(block.rstrip()) and run not in stack:
            return text.rstrip()[: -len(run)].rstrip() + "".join(reversed(stack))
    return text.rstrip() + "".join(reversed(stack)) if stack else text
