"""New samples and lines of a plugin's own: `from weir import emit`, at the top of the module, so that the build sees it.

What a call has emitted counts only if the call succeeds. It comes from the source `plugin.NAME` and passes the plugins behind this
one. Where several instances would emit one series, give the plugin a `@weir.tick`: it has one instance then.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from . import host
from .columns import packed, table
from .rows import s64s, whole_number


class Refused(Exception):
    """Nothing of an emission was taken, for a reason that is the author's to mend."""


@dataclass
class Sample:
    """A sample of a plugin's own."""

    labels: dict[str, str]
    """The series' labels, `__name__` among them."""
    value: float
    timestamp: int | None = None
    """Milliseconds since the epoch; `None` is now."""
    start_timestamp: int = 0
    """When its counter began, in milliseconds since the epoch; 0 where it is not known."""


@dataclass
class Line:
    """A log line of a plugin's own."""

    labels: dict[str, str]
    """The stream's labels, at least one."""
    line: str
    metadata: dict[str, str] = field(default_factory=dict)
    """Structured metadata."""
    timestamp: int | None = None
    """Nanoseconds since the epoch; `None` is now."""


def samples(samples: Iterable[Sample]) -> bool:
    """Emits samples: all of them; none, where it gives false, since the plugin has emitted as much as it may by now."""
    rows = list(samples)
    words = _Words()
    of_row, sets = _sets([r.labels for r in rows], words)
    times = _times([r.timestamp for r in rows], "samples")
    starts = s64s(whole_number(r.start_timestamp, "timestamp") for r in rows) if any(r.start_timestamp for r in rows) else b""
    values = array("d", [r.value for r in rows]).tobytes()
    return host.connection.emit_samples(len(rows), words.table(), sets, of_row, times, starts, values)


def lines(lines: Iterable[Line]) -> bool:
    """Emits lines: all of them; none, where it gives false, since the plugin has emitted as much as it may by now."""
    rows = list(lines)
    words = _Words()
    of_row, sets = _sets([r.labels for r in rows], words)
    some = any(r.metadata for r in rows)
    metadata = words.sets([r.metadata for r in rows]) if some else (b"", b"")
    times = _times([r.timestamp for r in rows], "lines")
    text = table([_text(r.line, "a line") for r in rows])
    return host.connection.emit_lines(len(rows), words.table(), sets, of_row, metadata, times, text)


def _text(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}: {text!r}")
    return text


def _times(times: list[int | None], what: str) -> bytes:
    if all(t is None for t in times):
        return b""
    if None in times:
        raise ValueError(f"give all {what} of an emission a timestamp, or none of them")
    return s64s(whole_number(t, "timestamp") for t in times)


def _sets(all_labels: list[dict[str, str]], words: _Words) -> tuple[bytes, tuple[bytes, bytes]]:
    """Which set each row has, and the distinct sets."""
    known: dict[tuple, int] = {}
    of_row = packed([known.setdefault(tuple(sorted(labels.items())), len(known)) for labels in all_labels])
    return of_row, words.sets([dict(key) for key in known])


class _Words:
    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def sets(self, sets: list[dict[str, str]]) -> tuple[bytes, bytes]:
        pairs, ends, index = array("I"), array("I"), self.known.setdefault
        for labels in sets:
            for name in sorted(labels):
                pairs.append(index(_text(name, "a label's name"), len(self.known)))
                pairs.append(index(_text(labels[name], f"the value of label {name!r}"), len(self.known)))
            ends.append(len(pairs) // 2)
        return pairs.tobytes(), ends.tobytes()

    def table(self) -> tuple[str, bytes]:
        return table(list(self.known))
