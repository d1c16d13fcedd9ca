"""weir's part, for tests of a plugin with `python -m unittest`: batches out of readable values, answers checked against the
contract and applied, and what the plugin logged and counted.

    tidy = weir.testing.configure(Tidy, {"cluster": "eu"})
    assert tidy.series([{"__name__": "up"}]) == [{"__name__": "up", "cluster": "eu"}]

`weir plugin test` runs fixtures through weir itself; this is for what is quicker said in Python.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from . import host, log_rows, plugin, sample_rows, series_rows
from .columns import Sets, Strings, packed, table
from .edit import LabelEdit
from .rows import Call
from .sample_rows import Kind

if TYPE_CHECKING:
    from .http import Refused, Request, Response

__all__ = ["Configured", "Kind", "LabelSet", "Line", "Sample", "configure"]

LabelSet = dict[str, str]


@dataclass
class Sample:
    """A sample in or out of a test."""

    labels: LabelSet
    value: float = 0.0
    timestamp: int = 0
    kind: Kind = Kind.FLOAT
    start_timestamp: int = 0


@dataclass
class Line:
    """A log line in or out of a test."""

    line: str
    labels: LabelSet = field(default_factory=dict)
    metadata: LabelSet = field(default_factory=dict)
    timestamp: int = 0


def configure(
    kind: type[plugin.Plugin],
    config: dict[str, Any] | None = None,
    state: dict[str, bytes] | None = None,
    answers: dict[str, Response | Refused] | None = None,
) -> Configured:
    """Makes a plugin of its configuration as weir does; `state` is what one before it left in weir, `answers` what comes of requests,
    by URL: a `weir.http.Response`, or a `weir.http.Refused`. Hosts of which no URL is answered are not granted."""
    weir = host.Unconnected()
    weir.state.update(state or {})
    weir.answers.update(answers or {})
    host.connect(weir)
    return Configured(kind, plugin.make(kind, json.dumps(config or {})))


class Configured:
    """A plugin that was configured."""

    def __init__(self, kind: type[plugin.Plugin], made: plugin.Plugin) -> None:
        self.plugin = made
        self._interfaces = plugin.interfaces(kind)
        self._weir = host.connection

    @property
    def messages(self) -> list[tuple[host.Level, str]]:
        """What it logged."""
        return self._weir.messages

    @property
    def metrics(self) -> dict[tuple, float]:
        """Its own metrics: by name and sorted (name, value) pairs of labels."""
        return self._weir.metrics

    @property
    def emitted(self) -> list[Any]:
        """What it emitted: `weir.emit.Sample` and `weir.emit.Line`."""
        return [row for signal, columns in self._weir.emitted for row in _emitted(signal, *columns)]

    @property
    def state(self) -> dict[str, bytes]:
        """What it keeps in weir; give it to `configure` for what comes after a reload."""
        return self._weir.state

    @property
    def answers(self) -> dict[str, Response | Refused]:
        """What comes of requests, by URL; to be changed while the plugin runs."""
        return self._weir.answers

    @property
    def requests(self) -> list[Request]:
        """What it asked for, in order."""
        return self._weir.requests

    @property
    def forgotten(self) -> int:
        """How often it called `weir.verdicts.forget`."""
        return self._weir.forgotten

    def tick(self, now: int = 0, last: bool = False) -> None:
        """Some time has passed."""
        self._ask("tick", now, last)

    def _ask(self, interface: str, *given: Any) -> None:
        method, _ = self._interfaces[interface]
        answer = getattr(self.plugin, method)(*given)
        assert answer is None, f"{method} returned {answer!r}: change the rows it was given, and return nothing"

    def _wanted(self, interface: str, key: str) -> Any:
        wanted = self._interfaces[interface][1].wants[key]
        return wanted if isinstance(wanted, bool) else plugin.resolve(wanted, self.plugin)

    def series(self, sets: Iterable[LabelSet]) -> list[LabelSet | None]:
        """What becomes of label sets; `None` for one that is dropped."""
        sets = [dict(s) for s in sets]
        words = _Words()
        columns = words.sets(sets, self._wanted("series", "labels"))
        call = Call(len(sets), Sets(len(sets), words.strings(), *columns, b""))
        self._ask("series", series_rows.SeriesRows(call))
        verdicts = series_rows.finish(call)
        _apply(sets, words.texts(), verdicts.labels)
        return _without(sets, verdicts.dropped)

    def samples(self, samples: Iterable[Sample]) -> list[Sample | None]:
        """What becomes of samples; `None` for one that is dropped."""
        rows = [replace(s, labels=dict(s.labels)) for s in samples]
        count, words, distinct = len(rows), _Words(), _distinct([s.labels for s in rows])
        wanted = self._wanted("samples", "labels")
        columns = words.sets(distinct, wanted)
        of_row = packed([distinct.index(s.labels) for s in rows]) if _asked(wanted) else b""
        sets = Sets(count, words.strings(), *columns, of_row)
        times = [s.timestamp for s in rows] if self._wanted("samples", "timestamps") else []
        starts = [s.start_timestamp for s in rows] if self._wanted("samples", "start_timestamps") else []
        kinds, values = bytes(s.kind for s in rows), array("d", [s.value for s in rows])
        call = sample_rows.SamplesCall(
            count, sets, kinds, array("q", times).tobytes(), array("q", starts).tobytes(), values.tobytes()
        )
        self._ask("samples", sample_rows.SampleRows(call))
        patch = sample_rows.finish(call)
        if patch is None:
            return list(rows)
        _apply([s.labels for s in rows], words.texts(), patch.labels)
        changed, new = _rows(patch.changed, count, "changed"), array("d", patch.values)
        assert len(changed) == len(new), "a value for each changed row"
        for row, value in zip(changed, new):
            assert rows[row].kind is Kind.FLOAT, f"row {row} has no value to change"
            rows[row].value = value
        return _without(rows, patch.dropped)

    def logs(self, lines: Iterable[Line | str]) -> list[Line | None]:
        """What becomes of log lines; `None` for one that is dropped."""
        rows = [Line(s) if isinstance(s, str) else replace(s, labels=dict(s.labels), metadata=dict(s.metadata)) for s in lines]
        count, words, distinct = len(rows), _Words(), _distinct([s.labels for s in rows])
        wanted, meta = self._wanted("logs", "labels"), self._wanted("logs", "metadata")
        columns = words.sets(distinct, wanted)
        of_row = packed([distinct.index(s.labels) for s in rows]) if _asked(wanted) else b""
        some = any(s.metadata for s in rows)
        metadata = words.sets([s.metadata for s in rows], meta) if some else (b"", b"")
        strings = words.strings()
        times = [s.timestamp for s in rows] if self._wanted("logs", "timestamps") else []
        text = table([s.line for s in rows]) if self._wanted("logs", "lines") else ("", b"")
        call = log_rows.LogsCall(
            count,
            Sets(count, strings, *columns, of_row),
            Sets(count, strings, *metadata, b""),
            array("q", times).tobytes(),
            Strings(*text),
        )
        self._ask("logs", log_rows.LogRows(call))
        patch = log_rows.finish(call)
        if patch is None:
            return list(rows)
        _apply([s.labels for s in rows], words.texts(), patch.labels)
        _apply([s.metadata for s in rows], words.texts(), patch.metadata)
        new = Strings(patch.text, patch.ends).all()
        for row, line in zip(_rows(patch.changed, count, "changed"), new, strict=True):
            rows[row].line = line
        if patch.times:
            for row, time in zip(_rows(patch.times[0], count, "timed"), array("q", patch.times[1]), strict=True):
                rows[row].timestamp = time
        return _without(rows, patch.dropped)


def _asked(wanted: plugin.Resolved) -> bool:
    return wanted.everything or bool(wanted.names)


def _distinct(sets: list[LabelSet]) -> list[LabelSet]:
    """Distinct ones, so that rows share sets as they do in weir."""
    out: list[LabelSet] = []
    for s in sets:
        if s not in out:
            out.append(s)
    return [dict(s) for s in out]


class _Words:
    """A batch's strings."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def _index(self, text: str) -> int:
        return self._known.setdefault(text, len(self._known))

    def sets(self, sets: list[LabelSet], wanted: plugin.Resolved) -> tuple[bytes, bytes]:
        if not _asked(wanted):
            return b"", b""
        pairs, ends = array("I"), array("I")
        for labels in sets:
            for name in sorted(labels):
                if wanted.everything or name in wanted.names:
                    pairs.extend((self._index(name), self._index(labels[name])))
            ends.append(len(pairs) // 2)
        return pairs.tobytes(), ends.tobytes()

    def texts(self) -> list[str]:
        return list(self._known)

    def strings(self) -> Strings:
        return Strings(*table(self.texts()))


def _rows(column: bytes, count: int, what: str) -> list[int]:
    rows = array("I", column).tolist()
    assert rows == sorted(set(rows)), f"{what} rows ascend, each once: {rows}"
    assert not rows or rows[-1] < count, f"{what} row {rows[-1]} of {count}"
    return rows


def _apply(sets: Sequence[LabelSet], texts: list[str], edit: LabelEdit | None) -> None:
    if edit is None:
        return
    texts = texts + Strings(edit.text, edit.ends).all()
    ops = array("I", edit.assigned).tolist()
    rows, names, values = ops[0::3], ops[1::3], ops[2::3]
    assert rows == sorted(rows), f"rows of label changes ascend: {rows}"
    for row, name, value in zip(rows, names, values, strict=True):
        if texts[value]:
            sets[row][texts[name]] = texts[value]
        else:
            sets[row].pop(texts[name], None)


def _without(rows: list, dropped: bytes) -> list:
    out = list(rows)
    for row in _rows(dropped, len(rows), "dropped"):
        out[row] = None
    return out


def _emitted(signal: str, rows: int, words, sets, of_row, *columns) -> list[Any]:
    from . import emit  # not before the plugin has: a build would take it for the plugin's

    strings = Strings(*words)
    labels = Sets(rows, strings, *sets, of_row)
    if signal == "samples":
        times, starts, values = array("q", columns[0]), array("q", columns[1]), array("d", columns[2])
        return [
            emit.Sample(labels.labels(r), values[r], times[r] if times else None, starts[r] if starts else 0)
            for r in range(rows)
        ]
    metadata, times, lines = Sets(rows, strings, *columns[0], b""), array("q", columns[1]), Strings(*columns[2])
    return [emit.Line(labels.labels(r), lines[r], metadata.labels(r), times[r] if times else None) for r in range(rows)]
