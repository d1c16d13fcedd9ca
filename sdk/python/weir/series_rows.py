"""The interface `series`: deciding by labels alone."""

from __future__ import annotations

from dataclasses import dataclass

from .edit import LabelEdit
from .rows import Call, Row, SomeRows


@dataclass
class Verdicts:
    """The contract's `verdicts`."""

    dropped: bytes
    labels: LabelEdit | None


class SeriesRow(Row):
    """One label set: that of a series, or of a log stream, which has no `__name__`."""

    __slots__ = ()


class SeriesRows(SomeRows[SeriesRow]):
    """Label sets. weir asks once for each and keeps the answer, which must depend on labels and configuration alone."""

    __slots__ = ()
    _row = SeriesRow


def finish(call: Call) -> Verdicts:
    """The answer."""
    return Verdicts(call.dropped.finish(), call.labels.finish())
