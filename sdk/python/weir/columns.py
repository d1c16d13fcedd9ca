"""Columns as the contract has them: little-endian bytes over one table of strings, searched whole.

A turn of a Python loop in a component costs some 100 ns, a search in C under 1 ns a byte: what can be asked of a whole
column is asked of the whole column.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, compress, repeat
from operator import sub
from typing import Any, Union

Rows = Union[range, "array[int]", list[int]]
"""Ascending row numbers, each once."""

_BITE = 1 << 14
"""How much text is searched at a time. Before a longer one CPython prepares its search, each time that it is called: some 250 ns."""

_MISS = 800
"""How many characters could have been searched while one is looked at that turns out to be none."""

_OFTEN = 64
"""How many hits are worth a list of all ends, each of which a column would make a number of several times a hit."""

_SAMPLE = 2048
"""How much text says how many there will be."""

_numbers = array("I")


def iota(count: int) -> array[int]:
    """0, 1, … count-1, out of a table that grows with the largest batch."""
    if len(_numbers) < count:
        _numbers.extend(range(len(_numbers), max(count, 4096)))
    return _numbers[:count]


def all_but(count: int, gone: Rows) -> array[int]:
    """All rows of a batch but some."""
    numbers, out, start = iota(count), array("I"), 0
    for row in gone:
        out += numbers[start:row]
        start = row + 1
    out += numbers[start:]
    return out


def minus(rows: Rows, gone: Rows | frozenset[int]) -> Rows:
    """What is in the one and not in the other."""
    if not gone or not rows:
        return rows
    out = frozenset(gone)  # itself, where it is one
    return [row for row in rows if row not in out]


def above(ends: array[int], at: int, low: int) -> int:
    """The first place in ascending `ends`, from `low` on, that is above `at`: near by as a rule, so it is looked for there first."""
    near = low + 32
    place = bisect_right(ends, at, low, near) if near < len(ends) else near
    return bisect_right(ends, at, low) if place == near else place


def u32s(column: bytes) -> array[int]:
    """A column of unsigned 32-bit numbers."""
    return array("I", column)


def packed(rows: Iterable[int]) -> bytes:
    """Numbers as an outgoing column."""
    if isinstance(rows, array):
        return rows.tobytes()
    if isinstance(rows, range) and rows.start == 0 and rows.step == 1:
        return iota(len(rows)).tobytes()
    return array("I", rows).tobytes()


def table(strings: Sequence[str]) -> tuple[str, bytes]:
    """Strings as an outgoing table: the text, and where each ends in bytes of UTF-8."""
    text = "".join(strings)
    # half of a surrogate pair is no text: encoding it is where that is found
    lengths: Iterable[int] = map(len, strings) if text.isascii() else [len(s.encode()) for s in strings]
    return text, array("I", list(accumulate(lengths))).tobytes()


class Strings:
    """A table of strings. It is searched as text where all of it is ASCII, else as UTF-8, whose offsets the ends are."""

    __slots__ = ("text", "ends", "ascii", "_hay", "_list", "_stops")

    def __init__(self, text: str, ends: bytes) -> None:
        self.text = text
        self.ends = u32s(ends)
        self.ascii = text.isascii()
        self._hay: Any = None
        self._list: list[str] | None = None
        self._stops: list[int] | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def stops(self) -> list[int]:
        """The ends, each made a number once."""
        if self._stops is None:
            self._stops = self.ends.tolist()
        return self._stops

    def hay(self) -> Any:
        """What is searched."""
        if self._hay is None:
            self._hay = self.text if self.ascii else self.text.encode()
        return self._hay

    def needle(self, text: str) -> str | bytes:
        """What is searched for."""
        return text if self.ascii else text.encode()

    def __getitem__(self, i: int) -> str:
        if self._list is not None:
            return self._list[i]
        part = self.hay()[self.ends[i - 1] if i else 0 : self.ends[i]]
        return part if isinstance(part, str) else part.decode()

    def all(self) -> list[str]:
        """Every string, cut once."""
        if self._list is None:
            hay, ends = self.hay(), self.stops()
            parts = [hay[a:b] for a, b in zip(chain((0,), ends), ends)]
            self._list = parts if self.ascii else [part.decode() for part in parts]
        return self._list

    def some(self, which: Rows) -> list[str]:
        """Some of the strings."""
        if self._list is not None or 4 * len(which) > len(self.ends):
            return list(map(self.all().__getitem__, which))
        hay, ends = self.hay(), self._stops or self.ends
        parts = [hay[ends[i - 1] if i else 0 : ends[i]] for i in which]
        return parts if self.ascii else [part.decode() for part in parts]

    def index(self, text: str) -> int:
        """The index of a string, or -1."""
        hay, what, ends = self.hay(), self.needle(text), self.ends
        if not what:
            # an empty string is where two ends are the same, or the first is 0
            return next((i for i, (a, b) in enumerate(zip(chain((0,), ends), ends)) if a == b), -1)
        length, at = len(what), hay.find(what)
        while at >= 0:
            i = bisect_right(ends, at)
            if at + length == ends[i] and at == (ends[i - 1] if i else 0):
                return i
            at = hay.find(what, at + 1)
        return -1

    def containing(self, text: str) -> Rows:
        """The strings that hold `text`."""
        hay, what = self.hay(), self.needle(text)
        ends: Sequence[int] = self.ends
        if not what:
            return range(len(ends))
        out: list[int] = []
        find, found, begins = hay.find, out.append, hay.startswith
        length, size, count = len(what), len(hay), len(ends)
        if self._stops or hay.count(what, 0, _SAMPLE) * size > _OFTEN * _SAMPLE:
            ends = self.stops()
        bite = max(_BITE, 2 * length) if length > 5 else size
        rare, offset = _rare(hay, what)
        misses = row = start = 0
        while True:
            if rare is not None:
                at = find(rare, start + offset) - offset
                if at < start:
                    break
                if not begins(what, at):
                    start, misses = at + 1, misses + 1
                    if misses * _MISS > at + 32 * _MISS:  # not so rare here: it costs more than it gains
                        rare = None
                    continue
            else:
                at = find(what, start, start + bite)
                if at < 0:
                    start += max(bite - length, 0) + 1
                    if start >= size:
                        break
                    continue
            # as in `above`, which is not called: a call costs as much again
            near = row + 16
            if near >= count or (place := bisect_right(ends, at, row, near)) == near:
                place = bisect_right(ends, at, row)
            row, end = place, ends[place]
            if at + length <= end:
                found(row)
                start = end
            else:  # it reaches over the end of a string
                start = at + 1
        return out


def _rare(hay: Any, what: Any) -> tuple[Any, int]:
    """A character of `what` that is rare in `hay`, as far as its beginning tells, and where it stands: a search for one character
    takes a third of the time. `None` where there is none."""
    least, place = 2, -1
    for i in range(len(what)) if len(hay) > _BITE else ():
        times = hay.count(what[i : i + 1], 0, 512)
        if times < least:
            least, place = times, i
            if not times:
                break
    return (what[place : place + 1], place) if place >= 0 else (None, 0)


class Sets:
    """Label sets over a table of strings, and which row has which."""

    __slots__ = ("strings", "pairs", "ends", "of_row", "rows", "_columns", "_texts", "_words")

    def __init__(self, rows: int, strings: Strings, pairs: bytes, ends: bytes, of_row: bytes) -> None:
        self.rows = rows
        self.strings = strings
        self.pairs = pairs
        self.ends = u32s(ends)
        self.of_row = u32s(of_row) if of_row else None
        self._columns: dict[str, list[int]] = {}
        self._texts: dict[str, list[str | None]] = {}
        self._words: dict[int, str] = {}

    def word(self, symbol: int) -> str:
        """A symbol's text, cut once."""
        text = self._words.get(symbol)
        if text is None:
            text = self._words[symbol] = self.strings[symbol]
        return text

    def labels(self, row: int) -> dict[str, str]:
        """All labels of a row's set that the plugin wants."""
        i = self.of_row[row] if self.of_row else row
        if i >= len(self.ends):
            return {}
        start, end = 8 * (self.ends[i - 1] if i else 0), 8 * self.ends[i]
        numbers = u32s(self.pairs[start:end])
        return {self.word(name): self.word(value) for name, value in zip(numbers[::2], numbers[1::2])}

    def label(self, row: int, name: str) -> str | None:
        """One label of a row's set. The first look at a name reads the whole column, the others one place of it."""
        texts = self._texts.get(name)
        if texts is None:
            word = self.word
            texts = self._texts[name] = [None if v < 0 else word(v) for v in self._column(name)]
        i = self.of_row[row] if self.of_row else row
        return texts[i] if i < len(texts) else None

    def _column(self, name: str) -> list[int]:
        """For each set the symbol of a label's value, -1 where it does not have it."""
        known = self._columns.get(name)
        if known is not None:
            return known
        count, symbol = len(self.ends), self.strings.index(name) if self.pairs else -1
        if symbol < 0:
            out = [-1] * count
        else:
            pairs = u32s(self.pairs)
            names, values = pairs[::2], pairs[1::2]
            each = len(names) // count
            even = each * count == len(names) and self.ends == array("I", range(each, len(names) + 1, each))
            place = names.index(symbol) if even and symbol in names else each
            if place < each and names[place::each].count(symbol) == count:
                out = values[place::each].tolist()  # all sets have as many labels, and this one stands in the same place
            else:
                hits = list(map(symbol.__eq__, names))
                lengths = map(sub, self.ends, chain((0,), self.ends))
                owners = chain.from_iterable(map(repeat, range(count), lengths))
                found = dict(zip(compress(owners, hits), compress(values, hits)))
                out = list(map(found.get, range(count), repeat(-1)))
        self._columns[name] = out
        return out

    def having(self, name: str, value: str) -> Rows:
        """The rows whose label has this value, which is not empty.

        The lowest bytes of all values are searched, one after the other: whole pairs are mostly zeros, which no search goes over fast.
        """
        if not self.pairs or (n := self.strings.index(name)) < 0 or (v := self.strings.index(value)) < 0:
            return []
        pair, pairs, ends = array("I", (n, v)).tobytes(), self.pairs, self.ends
        single = len(pairs) == 8 * len(ends) and ends.tobytes() == iota(len(ends) + 1)[1:].tobytes()  # a label each
        out: list[int] = []
        low, byte, place = pairs[4::8], v & 255, 0
        at = low.find(byte)
        while at >= 0:
            if pairs.startswith(pair, 8 * at):
                place = at if single else above(ends, at, place)
                out.append(place)
            at = low.find(byte, at + 1)
        return self._rows_of(out)

    def passing(self, name: str, passes) -> Rows:
        """The rows whose label passes; an absent one passes as the empty value. Each distinct value is looked at once."""
        column = self._column(name)
        if not column:  # no sets at all: every label is absent
            return range(self.rows) if passes("") else []
        word = self.word
        good = {symbol for symbol in set(column) if passes("" if symbol < 0 else word(symbol))}
        if not good:
            return []
        flags = map(good.__contains__, column)
        if self.of_row:
            flags = map(list(flags).__getitem__, self.of_row)
        return list(compress(range(self.rows), flags))

    def _rows_of(self, sets: list[int]) -> Rows:
        """The rows that have one of some sets."""
        if not self.of_row:
            return sets if len(self.ends) == self.rows else [s for s in sets if s < self.rows]
        if not sets:
            return []
        flags = bytearray(len(self.ends))
        for s in sets:
            flags[s] = 1
        return list(compress(range(self.rows), map(flags.__getitem__, self.of_row)))
