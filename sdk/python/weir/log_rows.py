"""The interface `logs`: deciding by the text of lines."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import compress, repeat
from operator import is_
from typing import Any, Union

from .columns import Sets, Strings, table
from .edit import Changes, LabelEdit, LabelOps
from .rows import Call, Row, SomeRows, Test, s64s, whole_number, whole_numbers

Replacement = Union[str, Callable[["re.Match[str]"], str]]


class LogsCall(Call):
    """A batch of lines and the answer in the making."""

    __slots__ = ("metadata_sets", "times_in", "lines_in", "metadata", "times", "lines")

    def __init__(self, count: int, sets: Sets, metadata: Sets, timestamps: bytes, lines: Strings) -> None:
        super().__init__(count, sets)
        self.metadata_sets = metadata
        self.times_in = array("q", timestamps)
        self.lines_in = lines
        self.metadata = LabelOps(self.words)
        self.times: Changes[int] = Changes()
        self.lines: Changes[str] = Changes()

    def line(self, row: int) -> str:
        """A line as it is by now."""
        new = self.lines.by_row.get(row) if self.lines else None
        if new is not None:
            return new
        return self.lines_in[row] if self.lines_in.ends else ""


def _checked(line: Any) -> str:
    if not isinstance(line, str):
        raise TypeError(f"a line must be a str, not {type(line).__name__}: {line!r}")
    return line


class LogRow(Row):
    """One line. Its text is read as it is by now; labels, metadata and time as they came."""

    __slots__ = ()
    _call: LogsCall

    @property
    def line(self) -> str:
        """The text; empty unless the plugin asked for lines."""
        return self._call.line(self.index)

    @property
    def timestamp(self) -> int:
        """When it was read, in nanoseconds since the epoch; 0 unless the plugin asked for timestamps."""
        column = self._call.times_in
        return column[self.index] if column else 0

    @property
    def metadata(self) -> dict[str, str]:
        """The structured metadata that the plugin asked for, by ascending name."""
        return self._call.metadata_sets.labels(self.index)

    def metadata_value(self, name: str) -> str | None:
        """One label of the structured metadata, if the line has it and the plugin asked for it."""
        return self._call.metadata_sets.label(self.index, name)

    def set_line(self, line: str) -> None:
        """Gives the line another text."""
        self._call.lines.by_row[self.index] = _checked(line)

    def set_timestamp(self, nanoseconds: int) -> None:
        """Gives the line another time, in nanoseconds since the epoch."""
        self._call.times.by_row[self.index] = whole_number(nanoseconds, "timestamp")

    def set_metadata(self, name: str, value: str) -> None:
        """Sets a label of the structured metadata, in place of one of that name. An empty value removes it."""
        self._call.metadata.one(self.index, name, value)

    def remove_metadata(self, name: str) -> None:
        """Removes a label of the structured metadata, if the line has it (asked for or not)."""
        self._call.metadata.one(self.index, name, "")


class LogRows(SomeRows[LogRow]):
    """Lines. Their text is read as it is by now; labels, metadata and times as they came."""

    __slots__ = ()
    _row = LogRow
    _call: LogsCall

    @property
    def lines(self) -> list[str]:
        """The text of the lines."""
        call = self._call
        if call.lines or not call.lines_in.ends:
            return [call.line(r) for r in self._rows]
        return list(call.lines_in.all()) if self._whole else call.lines_in.some(self._rows)

    def where_metadata(self, name: str, test: Test) -> LogRows:
        """The lines whose structured metadata passes a test. Each distinct value is looked at once."""
        return self._where(self._call.metadata_sets, name, test)

    def containing(self, text: str) -> LogRows:
        """The lines that hold a text: one search over all of them."""
        _checked(text)
        call = self._call
        found = call.lines_in.containing(text)
        if call.lines:
            changed = call.lines.by_row
            hits = [r for r in found if r not in changed]
            found = sorted(hits + [r for r, line in changed.items() if text in line])
        return self._within(found)

    def matching(self, pattern: str | re.Pattern[str]) -> LogRows:
        """The lines in which a pattern is found. `containing` is many times faster: narrow down with it first."""
        search = re.compile(pattern).search
        return self._some([r for r, line in zip(self._rows, self.lines) if search(line)])

    def replace(self, what: str | re.Pattern[str], by: Replacement) -> LogRows:
        """Replaces a text, or what matches a compiled pattern, wherever it stands; gives the lines that had it."""
        changes = self._call.lines
        if isinstance(what, str):
            some, text = self.containing(what), _checked(by)
            changes.many(some._rows, [line.replace(what, text) for line in some.lines])
            return some
        rows, lines = self._rows, self.lines
        if isinstance(by, str) and "\\" not in by:
            new = list(map(what.sub, repeat(by), lines))
            # a line without a match comes back itself, and is seen by that in half the time that counting takes
            if not any(map(is_, new, lines)):
                changes.many(rows, new)
                return self
            # but an empty text is the same one wherever it is, and so is one of a single character
            had = [line is not old or ((len(old) < 2 or old is by) and what.search(old)) for line, old in zip(new, lines)]
        else:
            made = [what.subn(by, line) for line in lines]
            new, had = [line for line, _ in made], [count for _, count in made]
        hits = list(compress(rows, had))
        changes.many(hits, list(compress(new, had)))
        return self._some(hits)

    def set_lines(self, lines: Iterable[str]) -> None:
        """Gives every line another text."""
        new = [_checked(line) for line in lines]
        if len(new) != len(self._rows):
            raise ValueError(f"{len(self._rows)} rows, but {len(new)} lines")
        self._call.lines.many(self._rows, new)

    @property
    def timestamps(self) -> list[int]:
        """When the lines were read, in nanoseconds since the epoch; 0 unless the plugin asked for timestamps."""
        column = self._call.times_in
        return list(map(column.__getitem__, self._rows)) if column else [0] * len(self._rows)

    def set_timestamps(self, nanoseconds: Iterable[int]) -> None:
        """Gives every line another time."""
        new = whole_numbers(nanoseconds, len(self._rows), "timestamp")
        self._call.times.many(self._rows, new)

    def set_metadata(self, name: str, value: str | Iterable[str]) -> None:
        """Sets a label of all lines' structured metadata: to one value, or to one for each. An empty value removes it."""
        self._call.metadata.many(self._rows, name, value)

    def remove_metadata(self, name: str) -> None:
        """Removes a label of the structured metadata from all lines that have it (asked for or not)."""
        self._call.metadata.many(self._rows, name, "")


@dataclass
class Patch:
    """The contract's `patch`."""

    dropped: bytes
    labels: LabelEdit | None
    metadata: LabelEdit | None
    times: tuple[bytes, bytes] | None
    changed: bytes
    text: str
    ends: bytes


def finish(call: LogsCall) -> Patch | None:
    """The answer; `None` where nothing changes."""
    gone = call.dropped.all()
    labels, metadata = call.labels.finish(), call.metadata.finish()
    times, lines = call.times.finish(gone), call.lines.finish(gone)
    if not gone and labels is None and metadata is None and times is None and lines is None:
        return None
    changed, new = lines or (b"", [])
    text, ends = table(new)
    new_times = (times[0], s64s(times[1])) if times else None
    return Patch(call.dropped.finish(), labels, metadata, new_times, changed, text, ends)
