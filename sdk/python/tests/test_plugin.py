"""A plugin as its author sees it."""

import random
import re
import unittest
from dataclasses import dataclass, field

import weir
from weir import plugin, testing
from weir.testing import Kind, Line, Sample


@dataclass
class Config:
    cluster: str
    limit: float = 0
    secrets: list[re.Pattern[str]] = field(default_factory=list)


class Everything(weir.Plugin):
    def __init__(self, config: Config) -> None:
        self.config = config
        weir.log.info("ready")

    @weir.series(labels=["__name__", "team"])
    def relabel(self, rows: weir.SeriesRows) -> None:
        rows.set("cluster", self.config.cluster)
        rows.where("__name__", re.compile("^go_")).drop()
        (rows.where("team", "") - rows.where("__name__", {"up"})).set("team", "nobody")
        for row in rows.where("team", lambda team: team.startswith("x")):
            row.remove("team")
            row.set("old_team", row.label("team"))

    @weir.samples(labels=["unit"], timestamps=True)
    def scale(self, rows: weir.SampleRows) -> None:
        rows.below(self.config.limit).drop()
        ms = rows.where("unit", "ms")
        ms.set_values([v / 1000 for v in ms.values])
        ms.set("unit", "s")
        weir.counter("scaled", {"to": "s"}, len(ms.floats))
        weir.gauge("newest", max(r.timestamp for r in rows))

    @weir.logs(labels=["job"], metadata=["level"], timestamps=True)
    def redact(self, rows: weir.LogRows) -> None:
        for secret in self.config.secrets:
            rows.replace(secret, "***")
        rows.replace("***", "<secret>")
        rows.containing("DEBUG").drop()
        errors = rows.containing("ERROR") | rows.matching(r"\bfail")
        errors.set_metadata("level", "error")
        for row in rows.where("job", "late"):
            row.set_timestamp(row.timestamp + 1)
            row.set("job", "on-time")


def make(**config):
    return testing.configure(Everything, {"cluster": "eu", **config})


class PluginTest(unittest.TestCase):
    def test_series(self):
        out = make().series(
            [{"__name__": "up"}, {"__name__": "go_gc"}, {"__name__": "a", "team": "x1"}, {"job": "stream"}, {}]
        )
        self.assertEqual(
            out,
            [
                {"__name__": "up", "cluster": "eu"},
                None,
                {"__name__": "a", "cluster": "eu", "old_team": "x1"},
                {"job": "stream", "cluster": "eu", "team": "nobody"},
                {"cluster": "eu", "team": "nobody"},
            ],
        )

    def test_samples(self):
        made = make()
        out = made.samples(
            [
                Sample({"unit": "ms"}, 1500, 1),
                Sample({"unit": "ms"}, -1, 2),
                Sample({"unit": "ms"}, -7, 9, Kind.HISTOGRAM),
                Sample({"unit": "B"}, float("inf"), 3),
            ]
        )
        self.assertEqual(
            out,
            [
                Sample({"unit": "s"}, 1.5, 1),
                None,
                Sample({"unit": "s"}, -7, 9, Kind.HISTOGRAM),
                Sample({"unit": "B"}, float("inf"), 3),
            ],
        )
        self.assertEqual(made.metrics, {("scaled", ("to", "s")): 2.0, ("newest",): 9.0})
        self.assertEqual(made.messages, [(weir.Level.INFO, "ready")])

    def test_logs_and_one_replacement_after_the_other(self):
        made = make(secrets=["password=[^ ]*", "token=é+"])
        out = made.logs(
            [
                "password=a token=éé b",
                Line("x DEBUG", {"job": "late"}),
                Line("failed", {"job": "late"}, {"level": "info"}, 5),
                "unfailing ERR",
                "OR",
            ]
        )
        self.assertEqual(
            out,
            [
                Line("<secret> <secret> b"),
                None,
                Line("failed", {"job": "on-time"}, {"level": "error"}, 6),
                Line("unfailing ERR"),
                Line("OR"),
            ],
        )

    def test_what_is_not_touched_is_not_answered(self):
        lines = [Line("a", {"job": "b"})]
        self.assertEqual(make().logs(lines), lines)
        self.assertEqual(make().logs([]), [])

    def test_changed_lines_are_searched_as_they_are_by_now(self):
        class Twice(weir.Plugin):
            @weir.logs()
            def look(self, rows: weir.LogRows) -> None:
                rows.replace("a", "b")
                assert list(rows.containing("a").indexes) == []
                assert list(rows.containing("b").indexes) == [0, 1]
                assert [r.line for r in rows] == ["b", "bb"]
                rows.containing("bb").set_lines(["c"])

        self.assertEqual(testing.configure(Twice).logs(["a", "ba"]), [Line("b"), Line("c")])

    def test_replacements_are_those_of_each_line_alone(self):
        what = ["ab", "a", *map(re.compile, ("ab", "ab*", "", "b*", "a$", "^a", "[ab]b", "(?<=a)b"))]
        by = ["", "a", "ab", "***", r"[\g<0>]", r"\g<0>", lambda found: found[0], lambda found: f"<{found[0]}>"]
        chance = random.Random(4)
        for _ in range(3000):
            plain = ["".join(chance.choice("abé ") for _ in range(chance.randrange(4))) for _ in range(chance.randrange(6))]
            some = [row for row in range(len(plain)) if chance.randrange(3)]
            tries = [(pattern, chance.choice(by[:4] if isinstance(pattern, str) else by)) for pattern in chance.choices(what, k=2)]
            gone = [row for row in range(len(plain)) if not chance.randrange(5)]
            expected = list(plain)

            class Replaces(weir.Plugin):
                @weir.logs()
                def look(self, rows: weir.LogRows) -> None:
                    for pattern, to in tries:
                        those = rows & rows._some(some)
                        had = []
                        for row in some:
                            line = expected[row]
                            new, count = (line.replace(pattern, to), line.count(pattern)) if isinstance(pattern, str) else pattern.subn(to, line)
                            if count:
                                had.append(row)
                                expected[row] = new
                        assert list(those.replace(pattern, to).indexes) == had, (plain, some, tries)
                        assert rows.lines == expected, (plain, some, tries)
                    for row in rows:
                        if row.index in gone:
                            row.drop()

            out = testing.configure(Replaces).logs(plain)
            self.assertEqual([line and line.line for line in out], [None if row in gone else line for row, line in enumerate(expected)])

    def test_changes_of_labels_count_in_the_order_of_the_work(self):
        chance = random.Random(5)
        for _ in range(2000):
            plain = [{name: chance.choice("xy") for name in "abc" if chance.randrange(2)} for _ in range(chance.randrange(1, 6))]
            expected = [dict(labels) for labels in plain]
            some = [row for row in range(len(plain)) if chance.randrange(3)]
            less = [row for row in range(len(plain)) if row not in some or chance.randrange(2)][: len(some)]
            work = [(chance.choice(["all", "all", "some", "less", "each"]), chance.choice("abcd"), chance.choice("vw")) for _ in range(4)]

            class Sets(weir.Plugin):
                @weir.series(labels="everything")
                def relabel(self, rows: weir.SeriesRows) -> None:
                    for which, name, value in work:
                        those = list(range(len(plain))) if which == "all" else less if which == "less" else some
                        values = [f"{value}{row % 2}" if value == "w" else value for row in those]
                        if which == "each":
                            for row, new in zip([row for row in rows if row.index in some], values):
                                row.set(name, new)
                        else:
                            selected = rows if which == "all" else rows & rows._some(those)
                            selected.set(name, values if value == "w" else value)
                        for row, new in zip(those, values):
                            expected[row][name] = new

            self.assertEqual(testing.configure(Sets).series(plain), expected, (plain, some, work))

    def test_selections(self):
        class Look(weir.Plugin):
            @weir.series(labels="everything")
            def look(self, rows: weir.SeriesRows) -> None:
                a, b = rows.where("n", {"1", "2"}), rows.where("n", {"2", "3"})
                got = [list(s.indexes) for s in (a & b, a | b, a - b, ~a, ~(a | b), rows & a, a - rows, rows | a, a & rows)]
                assert got == [[2], [1, 2, 3], [1], [0, 3], [0], [1, 2], [], [0, 1, 2, 3], [1, 2]], got
                assert rows.labels("n") == ["0", "1", "2", "3"] and b.labels("n") == ["2", "3"]
                assert len(rows.where("n", "1").where("n", "2")) == 0
                b.set("v", ["x", "y"])
                a.drop(), b.drop()

        sets = [{"n": str(n)} for n in range(4)]
        self.assertEqual(testing.configure(Look).series(sets), [{"n": "0"}, None, None, None])


    def test_limits(self):
        numbers = [0.0, -0.0, 1.0, -1.0, -2.0, float("nan"), -float("nan"), float("inf"), -float("inf"), 5e-324, -5e-324]

        class Look(weir.Plugin):
            @weir.samples()
            def look(self, rows: weir.SampleRows) -> None:
                some = rows - rows.above(float("inf"))  # all of them, as a selection
                part = rows & rows.below(100)
                for limit in (0, -0.0, -1, 1, float("inf"), -1e300):
                    for these in (rows, some, part):
                        values = these.values
                        below = [i for i, v in zip(these.indexes, values) if v < limit and i != 3]
                        above = [i for i, v in zip(these.indexes, values) if v > limit and i != 3]
                        assert list(these.below(limit).indexes) == below, limit
                        assert list(these.above(limit).indexes) == above, limit

        kinds = [Kind.HISTOGRAM if i == 3 else Kind.FLOAT for i in range(len(numbers))]
        testing.configure(Look).samples([Sample({}, v, kind=k) for v, k in zip(numbers, kinds)])


class MistakesTest(unittest.TestCase):
    """What an author gets wrong is answered with what to do."""

    def wrong(self, message: str, act, error=TypeError):
        class Wrong(weir.Plugin):
            @weir.samples()
            def look(self, rows: weir.SampleRows) -> None:
                act(rows)

            @weir.logs()
            def lines(self, rows: weir.LogRows) -> None:
                act(rows)

        made = testing.configure(Wrong)
        run = (lambda: made.logs(["a", "b"])) if "line" in message or "timestamp" in message else (
            lambda: made.samples([Sample({}, 1), Sample({}, 2)])
        )
        with self.assertRaisesRegex(error, re.escape(message)):
            run()

    def test_of_types(self):
        self.wrong("the value of label 'a' must be a str, not int: 5", lambda rows: next(iter(rows)).set("a", 5))
        self.wrong("a label's name must be a str, not NoneType: None", lambda rows: rows.remove(None))
        self.wrong("a line must be a str, not bytes: b'a'", lambda rows: rows.set_lines([b"a", b"b"]))
        self.wrong("a timestamp must be an int, not float: 1.5", lambda rows: next(iter(rows)).set_timestamp(1.5))
        self.wrong("a timestamp must fit 64 bits", lambda rows: rows.set_timestamps([1 << 63, 0]), ValueError)
        self.wrong("2 rows, but 1 values for label 'a'", lambda rows: rows.set("a", ["x"]), ValueError)
        self.wrong("2 rows, but 3 values", lambda rows: rows.set_values([1, 2, 3]), ValueError)
        self.wrong("must be real number, not str", lambda rows: next(iter(rows)).set_value("1"))

    def test_of_definition(self):
        class Two(weir.Plugin):
            @weir.logs()
            def a(self, rows): ...

            @weir.logs()
            def b(self, rows): ...

        class None_(weir.Plugin):
            pass

        class Bare(weir.Plugin):
            def __init__(self, config): ...

        for kind, message in [(Two, "two methods with @weir.logs: a and b"), (None_, "has no method with @weir.series")]:
            with self.assertRaisesRegex(TypeError, message):
                plugin.interfaces(kind)
        with self.assertRaisesRegex(TypeError, "annotate config with a dataclass"):
            plugin.make(Bare, "{}")
        with self.assertRaisesRegex(TypeError, "give a list of names"):
            plugin.resolve("__name__", None)


if __name__ == "__main__":
    unittest.main()
