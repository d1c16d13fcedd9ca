"""Searches over whole columns give what plain loops over rows give."""

import random
import re
import unittest
from array import array

from unittest import mock

from weir import columns
from weir.columns import Sets, Strings, packed, table

ALPHABETS = ["ab", "ab=é", "abé世😀"]
NEEDLES = ["a", "ab", "aba", "abab", "aa", "é", "éé", "世a", "a😀", "bb", ""]


def some_strings(chance: random.Random) -> list[str]:
    alphabet = chance.choice(ALPHABETS)
    return ["".join(chance.choice(alphabet) for _ in range(chance.randrange(7))) for _ in range(chance.randrange(9))]


class StringsTest(unittest.TestCase):
    def test_searches(self):
        chance = random.Random(1)
        for _ in range(2000):
            plain = some_strings(chance)
            strings = Strings(*table(plain))
            self.assertEqual([strings[i] for i in range(len(strings))], plain)
            for needle in NEEDLES:
                holding = [i for i, s in enumerate(plain) if needle in s]
                self.assertEqual(list(strings.containing(needle)), holding, (plain, needle))
                self.assertEqual(strings.index(needle), plain.index(needle) if needle in plain else -1, (plain, needle))
            some = sorted(chance.sample(range(len(plain)), chance.randrange(len(plain) + 1)))
            self.assertEqual(strings.some(some), [plain[i] for i in some])
            self.assertEqual(strings.all(), plain)

    def test_searches_of_much_text(self):
        chance = random.Random(3)
        # a bite of nothing: every text is one that is searched for a rare character first, or in parts
        with mock.patch.object(columns, "_BITE", 4):
            for _ in range(2000):
                alphabet = chance.choice(["ab", "aaaaaaaaab", "aaaaaaaaaé"])
                plain = ["".join(chance.choice(alphabet) for _ in range(chance.randrange(30))) for _ in range(chance.randrange(30))]
                strings = Strings(*table(plain))
                for needle in (*NEEDLES[:-1], "aaaaaa", "aaaabaaa", "baaaaab"):
                    holding = [i for i, s in enumerate(plain) if needle in s]
                    self.assertEqual(list(strings.containing(needle)), holding, (plain, needle))

    def test_what_is_rare_at_first_may_not_stay_so(self):
        for often in ("D", "DE", "DEBUD", "DEBUG"):
            plain = ["level=INFO"] * 2000 + [f"{often} level=" if i % 3 else "is DEBUG" for i in range(9000)]
            holding = [i for i, s in enumerate(plain) if "DEBUG" in s]
            self.assertEqual(list(Strings(*table(plain)).containing("DEBUG")), holding)

    def test_ends_count_bytes(self):
        text, ends = table(["é", "", "世a"])
        self.assertEqual((text, list(array("I", ends))), ("é世a", [2, 2, 6]))

    def test_half_a_surrogate_pair_is_no_text(self):
        with self.assertRaises(UnicodeEncodeError):
            table(["a", "\ud800"])


class SetsTest(unittest.TestCase):
    def batch(self, chance: random.Random, own: bool):
        plain = [
            {n: v for n in "abc" if (v := chance.choice(["", "x", "xy", "a", "é"]))}
            for _ in range(chance.randrange(1, 6))
        ]
        words: dict[str, int] = {}
        pairs, ends = array("I"), array("I")
        for labels in plain:
            for name in sorted(labels):
                pairs.extend(words.setdefault(w, len(words)) for w in (name, labels[name]))
            ends.append(len(pairs) // 2)
        of_row = [] if own else [chance.randrange(len(plain)) for _ in range(chance.randrange(9))]
        rows = plain if own or not of_row else [plain[i] for i in of_row]
        sets = Sets(len(rows), Strings(*table(list(words))), pairs.tobytes(), ends.tobytes(), packed(of_row))
        return rows, sets

    def test_looks(self):
        chance = random.Random(2)
        for i in range(1500):
            rows, sets = self.batch(chance, own=i % 2 == 0)
            for name in "abcd":
                got = [sets.label(r, name) for r in range(len(rows))]
                self.assertEqual(got, [labels.get(name) for labels in rows])
                for value in ("x", "a", "é", "none"):
                    self.assertEqual(list(sets.having(name, value)), [r for r, l in enumerate(rows) if l.get(name) == value])
                for passes in (re.compile("x").search, "".__eq__, {"x", ""}.__contains__):
                    want = [r for r, l in enumerate(rows) if passes(l.get(name, ""))]
                    self.assertEqual(list(sets.passing(name, passes)), want)
            self.assertEqual([sets.labels(r) for r in range(len(rows))], rows)

    def test_a_batch_without_sets(self):
        sets = Sets(3, Strings("", b""), b"", b"", b"")
        self.assertEqual(sets.label(2, "a"), None)
        self.assertEqual(sets.labels(2), {})
        self.assertEqual(list(sets.having("a", "x")), [])
        self.assertEqual(list(sets.passing("a", "".__eq__)), [0, 1, 2])

    def test_a_batch_without_rows_may_have_sets(self):
        sets = Sets(0, Strings(*table(["a", "x"])), packed([0, 1]), packed([1]), b"")
        self.assertEqual(list(sets.having("a", "x")), [])


if __name__ == "__main__":
    unittest.main()
