"""Plugins that hold state over time: emit, state, tick."""

import unittest

import weir
from weir import emit, plugin, state, testing


class Count(weir.Plugin):
    def __init__(self) -> None:
        self.counts: dict[str, int] = state.get("counts", {})

    @weir.logs(labels=["job"])
    def count(self, rows: weir.LogRows) -> None:
        for job in rows.labels("job"):
            self.counts[job or "none"] = self.counts.get(job or "none", 0) + 1

    @weir.tick(every=lambda self: 2.5)
    def flush(self, now: int, last: bool) -> None:
        assert emit.samples(emit.Sample({"__name__": "lines_total", "job": j}, n, now) for j, n in self.counts.items())
        if last:
            assert state.set("counts", self.counts)
            emit.lines([emit.Line({"job": "é"}, "bye 世", {"n": "1"}), emit.Line({"job": "é"}, "")])


class TimeTest(unittest.TestCase):
    def test_counting_over_a_reload(self):
        made = testing.configure(Count)
        made.logs([testing.Line("x", {"job": "a"}), "y", testing.Line("z", {"job": "a"})])
        made.tick(5)
        samples = [emit.Sample({"__name__": "lines_total", "job": "a"}, 2.0, 5), emit.Sample({"__name__": "lines_total", "job": "none"}, 1.0, 5)]
        self.assertEqual(made.emitted, samples)
        made.tick(6, last=True)
        self.assertEqual(made.emitted[4:], [emit.Line({"job": "é"}, "bye 世", {"n": "1"}), emit.Line({"job": "é"}, "")])
        self.assertEqual(made.state, {"counts": b'{"a":2,"none":1}'})
        self.assertEqual(testing.configure(Count, state=made.state).plugin.counts, {"a": 2, "none": 1})

    def test_the_interval_is_in_seconds(self):
        self.assertEqual(plugin.milliseconds(plugin.interfaces(Count)["tick"][1].wants["every"], None), 2500)
        for wrong in (0, -1, "1", True, None, float("nan")):
            with self.assertRaisesRegex(TypeError, "give seconds"):
                plugin.milliseconds(wrong, None)

    def test_mistakes(self):
        for act, message in [
            (lambda: emit.samples([emit.Sample({"a": 1}, 1)]), "the value of label 'a' must be a str, not int: 1"),
            (lambda: emit.samples([emit.Sample({}, 1, 5), emit.Sample({}, 1)]), "give all samples of an emission a timestamp"),
            (lambda: emit.lines([emit.Line({"a": "b"}, b"x")]), "a line must be a str, not bytes"),
            (lambda: state.set_bytes("a", "b"), "must be bytes, not str; `set` takes what JSON can say"),
            (lambda: state.get(1), "a key must be a str, not int: 1"),
        ]:
            with self.subTest(message), self.assertRaisesRegex((TypeError, ValueError), message):
                act()


if __name__ == "__main__":
    unittest.main()
