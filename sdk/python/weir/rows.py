"""Some rows of a batch: what all three interfaces share."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any, Generic, TypeVar, Union

from .columns import Rows, Sets, all_but, minus
from .edit import Dropped, LabelOps, Words

Test = Union[str, "re.Pattern[str]", Container[str], Callable[[str], object]]
"""What a label's value is asked: to be this text, to match this pattern somewhere, to be in this collection, or to make
this function say true. An absent label is the empty text."""

R = TypeVar("R", bound="Row")
S = TypeVar("S", bound="SomeRows")


def _passes(test: Test) -> Callable[[str], object]:
    if isinstance(test, str):
        return test.__eq__
    if isinstance(test, re.Pattern):
        return test.search
    if callable(test):
        return test
    if hasattr(test, "__contains__"):
        return test.__contains__
    raise TypeError(f"a test is a str, a pattern, a collection of str or a function, not {type(test).__name__}: {test!r}")


class Call:
    """One call: the columns that came, and the answer in the making."""

    __slots__ = ("count", "sets", "words", "dropped", "labels")

    def __init__(self, count: int, sets: Sets) -> None:
        self.count = count
        self.sets = sets
        self.words = Words(len(sets.strings))
        self.dropped = Dropped()
        self.labels = LabelOps(self.words)


class Row:
    """One row. Labels are read as they came, whatever was changed since."""

    __slots__ = ("_call", "index")

    def __init__(self, call: Call, index: int) -> None:
        self._call = call
        self.index: int = index
        """The row's place in the batch."""

    def label(self, name: str) -> str | None:
        """The value of a label, if the row has it and the plugin asked for it."""
        return self._call.sets.label(self.index, name)

    @property
    def labels(self) -> dict[str, str]:
        """The labels that the plugin asked for, by ascending name."""
        return self._call.sets.labels(self.index)

    def drop(self) -> None:
        """Drops the row. Other changes to it then mean nothing."""
        self._call.dropped.loose.append(self.index)

    def set(self, name: str, value: str) -> None:
        """Sets a label, in place of one of that name. An empty value removes it."""
        self._call.labels.one(self.index, name, value)

    def remove(self, name: str) -> None:
        """Removes a label, if the row has it (asked for or not)."""
        self._call.labels.one(self.index, name, "")


class SomeRows(Generic[R]):
    """Rows of a batch, in order: all of them, or those that something was found of.

    Go through them with `for`, or do one thing to all at once, which is many times faster. Selections of one batch combine:
    `a & b`, `a | b`, `a - b`, `~a`.
    """

    # all but a few are kept as those few, and made a list of only where somebody wants to see it
    __slots__ = ("_call", "_given", "_out", "_gone")
    _row: type

    def __init__(self, call: Call, rows: Rows | None = None, out: Rows | None = None) -> None:
        self._call = call
        self._out: Rows | None = [] if rows is None and out is None else out
        self._given = rows
        self._gone: frozenset[int] | None = None

    @property
    def _rows(self) -> Rows:
        if self._given is None:
            self._given = all_but(self._call.count, self._out) if self._out else range(self._call.count)
        return self._given

    def __len__(self) -> int:
        return len(self._given) if self._out is None else self._call.count - len(self._out)

    def __iter__(self) -> Iterator[R]:
        call, row = self._call, self._row
        return (row(call, i) for i in self._rows)

    @property
    def indexes(self) -> Rows:
        """The rows' places in the batch, ascending."""
        return self._rows

    @property
    def _whole(self) -> bool:
        return len(self) == self._call.count

    def _some(self: S, rows: Rows | None, out: Rows | None = None) -> S:
        return type(self)(self._call, rows, out)

    def _within(self: S, rows: Rows) -> S:
        """Those of some rows of the batch that are here."""
        if self._out is None:
            here = set(self._given)
            return self._some([r for r in rows if r in here])
        if self._gone is None:
            self._gone = frozenset(self._out)
        return self._some(minus(rows, self._gone))

    def _other(self: S, other: S) -> S:
        if not isinstance(other, type(self)) or other._call is not self._call:
            raise TypeError("only selections of the same batch combine")
        return other

    def __and__(self: S, other: S) -> S:
        other = self._other(other)
        return self._within(other._rows) if other._out is None else self._less(other._out)

    def __or__(self: S, other: S) -> S:
        rows = self._other(other)._rows
        if not rows or self._whole:
            return self
        return other if not self._rows else self._some(sorted({*self._rows, *rows}))

    def __sub__(self: S, other: S) -> S:
        return self._less(self._other(other)._rows)

    def _less(self: S, gone: Rows) -> S:
        if not gone:
            return self
        if self._out is None:
            return self._some(minus(self._given, gone))
        return self._some(None, sorted({*self._out, *gone}) if self._out else gone)

    def __invert__(self: S) -> S:
        return self._some(None, self._given) if self._out is None else self._some(self._out)

    def where(self: S, name: str, test: Test) -> S:
        """The rows whose label passes a test. Each distinct value is looked at once."""
        return self._where(self._call.sets, name, test)

    def _where(self: S, sets: Sets, name: str, test: Test) -> S:
        if isinstance(test, str) and test:
            return self._within(sets.having(name, test))
        return self._within(sets.passing(name, _passes(test)))

    def labels(self, name: str) -> list[str | None]:
        """One label of each row."""
        label = self._call.sets.label
        return [label(r, name) for r in self._rows]

    def drop(self) -> None:
        """Drops the rows. Other changes to them then mean nothing."""
        if self._rows:
            self._call.dropped.parts.append(self._rows)

    def set(self, name: str, value: str | Iterable[str]) -> None:
        """Sets a label of all rows: to one value, or to one for each of them. An empty value removes it."""
        self._call.labels.many(self._rows, name, value)

    def remove(self, name: str) -> None:
        """Removes a label from all rows that have it (asked for or not)."""
        self._call.labels.many(self._rows, name, "")


def whole_numbers(values: Iterable[int], count: int, what: str) -> list[int]:
    """Numbers for a column of 64-bit ones."""
    out = list(values)
    if len(out) != count:
        raise ValueError(f"{count} rows, but {len(out)} {what}s")
    for value in out:
        whole_number(value, what)
    return out


def whole_number(value: Any, what: str) -> int:
    """A number for a column of 64-bit ones."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a {what} must be an int, not {type(value).__name__}: {value!r}")
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f"a {what} must fit 64 bits: {value}")
    return value


def s64s(values: Iterable[int]) -> bytes:
    """Numbers as an outgoing column of 64-bit ones."""
    return array("q", values).tobytes()
