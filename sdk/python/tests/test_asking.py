"""Plugins that ask: http, verdicts."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import weir
from weir import build, http, testing, verdicts

URL = "https://api.example.com/teams"


class Teams(weir.Plugin):
    def __init__(self) -> None:
        self.teams: dict[str, str] = http.get(URL, headers={"accept": "application/json"}, timeout=2).json()

    @weir.series(labels=["job"])
    def relabel(self, rows: weir.SeriesRows) -> None:
        for job, team in self.teams.items():
            rows.where("job", job).set("team", team)

    @weir.tick(every=60)
    def refresh(self, now: int, last: bool) -> None:
        try:
            answer = http.send("POST", URL, headers=[("a", "1"), ("a", "2")], body="é")
        except http.Refused as refused:
            weir.log.warn(f"{refused.kind.value}: {refused}")
            return
        if answer.ok and answer.json() != self.teams:
            self.teams = answer.json()
            verdicts.forget()


class AskingTest(unittest.TestCase):
    def test_a_table_that_is_fetched_and_fetched_anew(self):
        made = testing.configure(Teams, answers={URL: http.Response(200, body=b'{"api":"a"}')})
        self.assertEqual(made.requests, [http.Request("GET", URL, [("accept", "application/json")], b"", 2)])
        self.assertEqual(made.series([{"job": "api"}]), [{"job": "api", "team": "a"}])
        made.tick()
        self.assertEqual(made.requests[1:], [http.Request("POST", URL, [("a", "1"), ("a", "2")], "é".encode())])
        self.assertEqual(made.forgotten, 0)
        made.answers[URL] = http.Response(503, body=b"not now")
        made.tick()
        self.assertEqual(made.forgotten, 0)
        made.answers[URL] = http.Response(200, body=b'{"api":"b"}')
        made.tick()
        self.assertEqual(made.forgotten, 1)
        self.assertEqual(made.series([{"job": "api"}]), [{"job": "api", "team": "b"}])
        made.answers[URL] = http.Refused(http.Refusal.TIMEOUT, "no answer in 5 s")
        made.tick()
        del made.answers[URL]
        made.tick()
        self.assertEqual(
            [text for _, text in made.messages],
            ["timeout: no answer in 5 s", "not-granted: requests to api.example.com are not granted"],
        )

    def test_an_answer(self):
        answer = http.Response(404, "é".encode(), [("content-type", "text/plain"), ("x", "1"), ("x", "2")])
        self.assertEqual((answer.ok, answer.text, answer.header("Content-Type"), answer.header("x")), (False, "é", "text/plain", "1"))
        self.assertEqual((answer.header("y"), answer.header("y", "")), (None, ""))
        self.assertEqual([http.Response(s).ok for s in (199, 200, 299, 300)], [False, True, True, False])

    def test_a_time_out_becomes_whole_milliseconds_and_never_none_at_all(self):
        self.assertEqual([http.milliseconds(s) for s in (None, 2, 0.25, 0.0001)], [None, 2000, 250, 1])

    def test_mistakes(self):
        for act, message in [
            (lambda: http.get(b"x"), "the URL must be a str, not bytes: b'x'"),
            (lambda: http.send(1, URL), "the method must be a str, not int: 1"),
            (lambda: http.get(URL, headers={"a": 1}), "the value of header 'a' must be a str, not int: 1"),
            (lambda: http.post(URL, 5), "the body must be bytes or a str, not int"),
            (lambda: http.get(URL, timeout=0), "the time-out: give seconds, not 0"),
            (lambda: http.get(URL, timeout=True), "the time-out: give seconds, not True"),
            (lambda: http.get(URL + "\ud800"), "surrogates not allowed"),
        ]:
            with self.subTest(message), self.assertRaisesRegex((TypeError, ValueError), message):
                act()

    def test_only_a_plugin_that_asks_imports_it(self):
        plugin = "import weir\n{}\nclass P(weir.Plugin):\n    @weir.series()\n    def relabel(self, rows):\n        pass\n"
        for line, imports in [("", []), ("from weir import http", ["http"]), ("from weir import verdicts, state", ["state", "verdicts"])]:
            loaded = {name: module for name, module in sys.modules.items() if name != "plugin"}
            for name in build.IMPORTS:
                loaded.pop(f"weir.{name}", None)
            with self.subTest(line), tempfile.TemporaryDirectory() as folder, mock.patch.dict(sys.modules, loaded, clear=True), \
                    mock.patch.object(sys, "path", list(sys.path)):  # fmt: skip
                (Path(folder) / "plugin.py").write_text(plugin.format(line))
                attributes = {name: vars(weir).pop(name) for name in build.IMPORTS if name in vars(weir)}
                try:
                    found = build.interfaces(Path(folder))
                finally:
                    vars(weir).update(attributes)
                self.assertEqual((found.exports, found.imports), (["series"], imports))
                world = build.world(found, "0.1.2")
                for name in build.IMPORTS:
                    self.assertEqual(f"import weir:plugin/{name}@" in world, name in imports)


if __name__ == "__main__":
    unittest.main()
