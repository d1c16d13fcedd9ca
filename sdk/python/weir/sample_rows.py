"""The interface `samples`: deciding by values."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import compress, repeat
from operator import gt, lt

from .columns import Sets
from .edit import LabelEdit
from .rows import Call, Row, SomeRows

_SIGN = bytes(128) + b"\1" * 128
"""The last byte of a double to whether its sign is set."""


class Kind(IntEnum):
    """What a sample is."""

    FLOAT = 0
    """A number."""
    HISTOGRAM = 1
    """A native histogram: it can be dropped or relabelled, but has no single value."""
    STALE = 2
    """A mark by a pusher that the series has ended."""


class SamplesCall(Call):
    """A batch of samples and the answer in the making."""

    __slots__ = ("kinds", "floats", "timestamps", "starts", "values", "changed")

    def __init__(self, count: int, sets: Sets, kinds: bytes, timestamps: bytes, starts: bytes, values: bytes) -> None:
        super().__init__(count, sets)
        self.kinds = kinds
        self.floats = kinds.count(0) == count
        """Whether every row is a float."""
        self.values = array("d", values)
        """The values as they are by now."""
        self.timestamps = array("q", timestamps)
        self.starts = array("q", starts)
        self.changed: set[int] = set()


class SampleRow(Row):
    """One sample. Its value is read as it is by now; labels as they came."""

    __slots__ = ()
    _call: SamplesCall

    @property
    def kind(self) -> Kind:
        """What the sample is."""
        return Kind(self._call.kinds[self.index])

    @property
    def value(self) -> float | None:
        """The value of a float; `None` for any other kind."""
        return None if self._call.kinds[self.index] else self._call.values[self.index]

    @property
    def timestamp(self) -> int:
        """When it was taken, in milliseconds since the epoch; 0 unless the plugin asked for timestamps."""
        column = self._call.timestamps
        return column[self.index] if column else 0

    @property
    def start_timestamp(self) -> int:
        """When its counter began, in milliseconds since the epoch; 0 where it is not known or not asked for."""
        column = self._call.starts
        return column[self.index] if column else 0

    def set_value(self, value: float) -> None:
        """Gives a float another value; does nothing to other kinds, which have none."""
        if not self._call.kinds[self.index]:
            self._call.values[self.index] = value  # says itself what is no number
            self._call.changed.add(self.index)


class SampleRows(SomeRows[SampleRow]):
    """Samples. Values are read as they are by now; labels as they came."""

    __slots__ = ()
    _row = SampleRow
    _call: SamplesCall

    @property
    def floats(self) -> SampleRows:
        """Those that have a value."""
        if self._call.floats:
            return self
        kinds = self._call.kinds
        return self._some([r for r in self._rows if not kinds[r]])

    @property
    def values(self) -> list[float]:
        """The values. What is no float has one that means nothing: ask `floats` for theirs."""
        values = self._call.values
        return values.tolist() if self._whole else list(map(values.__getitem__, self._rows))

    def below(self, limit: float) -> SampleRows:
        """The floats with a smaller value."""
        limit = float(limit)
        if limit <= 0 and self._whole:  # only a number with its sign bit set is below: found without making floats of all
            signs, values, hits, row = self._call.values.tobytes()[7::8].translate(_SIGN), self._call.values, [], -1
            while (row := signs.find(1, row + 1)) >= 0:
                if values[row] < limit:
                    hits.append(row)
            return self._some(hits).floats
        return self._comparing(lt, limit)

    def above(self, limit: float) -> SampleRows:
        """The floats with a greater value."""
        return self._comparing(gt, float(limit))

    def _comparing(self, compare: Callable[[float, float], bool], limit: float) -> SampleRows:
        rows, values = self._rows, self._call.values
        here: Iterable[float] = values if self._whole else map(values.__getitem__, rows)
        return self._some(list(compress(rows, map(compare, here, repeat(limit))))).floats

    def set_values(self, values: Iterable[float]) -> None:
        """Gives every float another value; one for each row, those of other kinds mean nothing."""
        call, rows = self._call, self._rows
        new = array("d", values)
        if len(new) != len(rows):
            raise ValueError(f"{len(rows)} rows, but {len(new)} values")
        if self._whole:
            changed = self.floats._rows
            call.values = new
        else:
            kinds, column = call.kinds, call.values
            changed = rows if call.floats else [r for r in rows if not kinds[r]]
            for row, value in zip(rows, new):
                column[row] = value
        call.changed.update(changed)


@dataclass
class Patch:
    """The contract's `patch`."""

    dropped: bytes
    labels: LabelEdit | None
    changed: bytes
    values: bytes


def finish(call: SamplesCall) -> Patch | None:
    """The answer; `None` where nothing changes."""
    gone, labels = call.dropped.all(), call.labels.finish()
    changed = array("I", sorted(call.changed.difference(gone) if gone else call.changed))
    if not gone and labels is None and not changed:
        return None
    values = array("d", map(call.values.__getitem__, changed))
    return Patch(call.dropped.finish(), labels, changed.tobytes(), values.tobytes())
