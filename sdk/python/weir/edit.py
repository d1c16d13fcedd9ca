"""Answers in the making: rows in ascending order, strings that the batch lacks added once."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .columns import Rows, iota, packed, table

T = TypeVar("T")


@dataclass
class LabelEdit:
    """The contract's `label-edit`. A removal travels as an assignment of nothing, which keeps the order of the work."""

    text: str
    ends: bytes
    assigned: bytes


class Words:
    """Strings that a batch does not have, each once."""

    __slots__ = ("base", "added")

    def __init__(self, base: int) -> None:
        self.base = base
        self.added: dict[str, int] = {}

    def index(self, text: str, what: str) -> int:
        """The index of a string behind those of the batch."""
        known = self.added.get(text)
        if known is None:
            if not isinstance(text, str):
                raise TypeError(f"{what} must be a str, not {type(text).__name__}: {text!r}")
            known = self.added[text] = self.base + len(self.added)
        return known


class LabelOps:
    """Changes to the labels of rows, in the order of the work."""

    __slots__ = ("words", "rows", "names", "values", "whole", "each")

    def __init__(self, words: Words) -> None:
        self.words = words
        self.rows = array("I")
        self.names = array("I")
        self.values = array("I")
        self.whole = True
        """Whether rows ascend so far."""
        self.each = 0
        """How many rows each change was of, where all were of the same; 0 where not."""

    def one(self, row: int, name: str, value: str) -> None:
        """One row gets a label."""
        name_index = self.words.index(name, "a label's name")
        value_index = self.words.index(value, f"the value of label {name!r}")
        rows = self.rows
        if rows and row < rows[-1]:
            self.whole = False
        self.each = 0
        rows.append(row)
        self.names.append(name_index)
        self.values.append(value_index)

    def many(self, rows: Rows, name: str, value: str | Iterable[str]) -> None:
        """Rows get a label: all one value, or each its own."""
        count = len(rows)
        if not count:
            return
        index, what = self.words.index, f"the value of label {name!r}"
        name_index = index(name, "a label's name")
        if isinstance(value, str):
            values = array("I", (index(value, what),)) * count
        else:
            values = array("I", [index(v, what) for v in value])
            if len(values) != count:
                raise ValueError(f"{count} rows, but {len(values)} values for label {name!r}")
        if self.rows and rows[0] < self.rows[-1]:
            self.whole = False
        if isinstance(rows, range) and rows.start == 0:
            rows = iota(count)
        if not isinstance(rows, array):
            rows = array("I", rows)
        if not self.rows:
            self.each = count
        elif self.each != count or self.rows[:count] != rows:
            self.each = 0
        self.rows.extend(rows)
        self.names.extend(array("I", (name_index,)) * count)
        self.values.extend(values)

    def finish(self) -> LabelEdit | None:
        """The contract's columns; `None` where nothing changes."""
        rows, names, values = self.rows, self.names, self.values
        if not rows:
            return None
        ops = array("I", bytes(12 * len(rows)))
        if not self.whole and self.each:  # the first row's changes, then the second's
            each, step = self.each, 3 * len(rows) // self.each
            for at in range(0, step, 3):
                some = slice(at // 3 * each, (at // 3 + 1) * each)
                ops[at::step], ops[at + 1 :: step], ops[at + 2 :: step] = rows[some], names[some], values[some]
        else:
            if not self.whole:  # stable, so changes of one row stay in order
                order = sorted(range(len(rows)), key=rows.__getitem__)
                rows = array("I", map(rows.__getitem__, order))
                names = array("I", map(names.__getitem__, order))
                values = array("I", map(values.__getitem__, order))
            ops[0::3], ops[1::3], ops[2::3] = rows, names, values
        text, ends = table(list(self.words.added))
        return LabelEdit(text, ends, ops.tobytes())


class Dropped:
    """Rows that are dropped."""

    __slots__ = ("parts", "loose")

    def __init__(self) -> None:
        self.parts: list[Rows] = []
        self.loose: list[int] = []

    def all(self) -> Rows:
        """The rows, ascending, each once."""
        parts = self.parts + [self.loose] if self.loose else self.parts
        if not parts:
            return []
        if len(parts) == 1 and not self.loose:
            return parts[0]
        return sorted(set().union(*parts))

    def finish(self) -> bytes:
        """The contract's column."""
        return packed(self.all())


class Changes(Generic[T]):
    """New values of rows; the last one of a row counts."""

    __slots__ = ("_by_row", "_many")

    def __init__(self) -> None:
        self._by_row: dict[int, T] = {}
        # those that came first, if they came together: as a rule they are all there are
        self._many: tuple[Rows, list[T]] | None = None

    def __bool__(self) -> bool:
        return self._many is not None or bool(self._by_row)

    @property
    def by_row(self) -> dict[int, T]:
        """The values by row."""
        if self._many is not None:
            self._by_row.update(zip(*self._many))
            self._many = None
        return self._by_row

    def many(self, rows: Rows, values: list[T]) -> None:
        """New values of ascending rows, one each."""
        if self or not rows:
            self.by_row.update(zip(rows, values))
        else:
            self._many = rows, values

    def finish(self, dropped: Rows) -> tuple[bytes, list[T]] | None:
        """Ascending rows that stay, and their values; `None` where nothing changes."""
        if not self:
            return None
        if self._many is not None and not (dropped and not set(self._many[0]).isdisjoint(dropped)):
            rows, values = self._many
            return packed(rows), values
        gone = set(dropped)
        by_row = {row: value for row, value in self.by_row.items() if row not in gone}
        if not by_row:
            return None
        rows = sorted(by_row)
        return packed(rows), [by_row[row] for row in rows]
