"""A failure as its author would want to read it: whatever an author's code raises, weir's log gets the traceback, with the
lines of code, and the call ends in an error that says where. Left alone, it would end the instance without a word."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from dataclasses import dataclass
from types import TracebackType

from . import host

_HERE = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = os.path.dirname(os.path.abspath(traceback.__file__))

_sources: dict[str, list[str]] = {}
"""The author's code, by file: filled when a component is built, for there are no files in it."""


class Failure(Exception):
    """Raise it to make a call fail with a message and nothing else: no traceback in the log, no place in the error.

    weir's failure policy for the plugin decides about all rows of the call.
    """


def described(error: BaseException) -> str:
    """A failure in one line, its place in the author's code with it."""
    if isinstance(error, Failure):
        return str(error) or "the plugin gave no reason"
    what = _what(error)
    frames = _frames(error.__traceback__)
    place = next((f for f in reversed(frames) if f.own), None)
    return what if place is None else f"{what} ({place.file}:{place.line}, in {place.name})"


def reported(error: BaseException) -> str:
    """Writes the traceback of a failure to weir's log, and gives the line that the call's error is."""
    line = described(error)
    if not isinstance(error, Failure):
        host.connection.log(host.Level.ERROR, trace(error))
    return line


def _what(error: BaseException) -> str:
    """Kind and message. (`traceback` would go to files for the lines of an error's causes.)"""
    try:
        text = str(error)
    except Exception:  # an author's own __str__
        text = ""
    name = type(error).__qualname__
    return f"{name}: {text}" if text else name


@dataclass
class _Frame:
    file: str
    line: int
    name: str
    code: str
    own: bool
    """Whether it is of the author's code, and not of a library."""


def _frames(trace: TracebackType | None) -> list[_Frame]:
    """The frames of a traceback, without those of this SDK."""
    out = []
    for frame, line in traceback.walk_tb(trace):
        code = frame.f_code
        file = code.co_filename
        if _is_sdk(file):
            continue
        own = file in _sources if _sources else not (file.startswith(_LIBRARY) or file.startswith("<"))
        out.append(_Frame(_short(file), line, code.co_name, _line(file, line), own))
    return out


def _line(file: str, line: int) -> str:
    if not _sources:
        return linecache.getline(file, line).strip()
    lines = _sources.get(file, ())
    return lines[line - 1].strip() if line <= len(lines) else ""


def trace(error: BaseException) -> str:
    """The traceback, without the frames of this SDK."""
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = [
            f'  File "{f.file}", line {f.line}, in {f.name}\n' + (f"    {f.code}\n" if f.code else "")
            for f in _frames(error.__traceback__)
        ]
        parts.append("".join(["Traceback (most recent call last):\n", *frames, _what(error)]))
        if error.__cause__ is not None:
            parts.append("which was the direct cause of:")
            error = error.__cause__
        elif error.__context__ is not None and not error.__suppress_context__:
            parts.append("while that was handled came:")
            error = error.__context__
        else:
            break
    return "\n".join(reversed(parts))


def _short(filename: str) -> str:
    """A file's path from where modules are looked for."""
    for root in sorted(sys.path, key=len, reverse=True):
        if root and filename.startswith(os.path.join(root, "")):
            return filename[len(os.path.join(root, "")):]
    return os.path.basename(filename)


def remember() -> None:
    """Keeps the source of all modules that are loaded and no library's, for tracebacks where no file can be read."""
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if name and name.endswith(".py") and not name.startswith(_LIBRARY + os.sep) and not _is_sdk(name):
            _sources[name] = linecache.getlines(name)


def _is_sdk(name: str) -> bool:
    return name.startswith(_HERE + os.sep)
