"""Requests, with `weir.testing` in weir's place."""

import unittest

import weir
from weir import http, testing


class Teams(weir.Plugin):
    def __init__(self, config: dict) -> None:
        answer = http.get("http://teams.example/csv", headers={"accept": "text/csv"})
        self.teams = answer.text.split(",")

    @weir.series(labels=["team"])
    def known(self, rows: weir.SeriesRows) -> None:
        rows.where("team", lambda team: team not in self.teams).drop()


class Requests(unittest.TestCase):
    def test_an_answer_is_the_tests_to_give(self) -> None:
        answers = {"http://teams.example/csv": http.Response(200, b"red,blue", [("etag", "1")])}
        made = testing.configure(Teams, answers=answers)
        self.assertEqual(made.plugin.teams, ["red", "blue"])
        self.assertEqual(made.requests, [http.Request("GET", "http://teams.example/csv", [("accept", "text/csv")])])

    def test_a_host_without_an_answer_is_not_granted(self) -> None:
        with self.assertRaises(http.Refused) as refused:
            testing.configure(Teams)
        self.assertEqual(refused.exception.kind, http.Refusal.NOT_GRANTED)

    def test_answers(self) -> None:
        answer = http.Response(404, b'{"a": 1}', [("x-id", "7")])
        self.assertEqual((answer.ok, answer.json(), answer.header("X-Id"), answer.header("etag")), (False, {"a": 1}, "7", None))
        for call in (lambda: http.get(b"http://x"), lambda: http.post("http://x", 1), lambda: http.get("http://x", headers={"a": 1})):
            self.assertRaises(TypeError, call)
