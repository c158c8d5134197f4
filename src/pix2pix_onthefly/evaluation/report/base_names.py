"""Messages without the folders of the machine they were made on: a path keeps its last name."""

from __future__ import annotations

import re

_FOLDER = r"(?:(?!\.\w{1,5}[\s),;:'\"])[^/\\\n'\"<>|*?:;,])*[^/\\\n'\"<>|*?:;,\s]"
"""One folder's name. It may hold spaces, but no file's ending before one: there the path ends."""
_PATH = re.compile(
    rf"""
    (?<![\w:/\\.~-])                       # neither within a word nor within an address such as https://host/page
    (?:file://)?
    (?:~?/|\\\\|[A-Za-z]:[/\\])             # root, home, a server of Windows, or a drive
    (?:{_FOLDER}[/\\])*
    (?P<name>[^/\\\s'"<>|*?:;,)]+)
    [/\\]?
    """,
    re.VERBOSE,
)


def base_names(text: str) -> str:
    """The text with the last name of each absolute path in place of the path."""
    return _PATH.sub(lambda found: found["name"], text)
