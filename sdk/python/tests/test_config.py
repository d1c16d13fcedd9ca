"""A configuration's errors name the key."""

import re
import unittest
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, Optional, Union

from weir.config import ConfigError, read


class Mode(Enum):
    FAST = "fast"
    SAFE = "safe"


@dataclass
class Rule:
    modulus: int
    name: str = "a"

    def __post_init__(self):
        if self.modulus < 1:
            raise ValueError("modulus must be positive")


@dataclass
class Config:
    rules: list[Rule]
    rate: float = 1.0
    on: bool = False
    mode: Mode = Mode.FAST
    kind: Literal["a", "b"] = "a"
    pattern: Optional[re.Pattern[str]] = None
    teams: dict[str, str] = field(default_factory=dict)
    pair: tuple[str, int] = ("a", 1)
    names: frozenset[str] = frozenset()
    either: Union[int, str, None] = None
    extra: Any = None


class ConfigTest(unittest.TestCase):
    def test_whole(self):
        config = read(
            """{"rules": [{"modulus": 2}], "rate": 2, "on": true, "mode": "safe", "kind": "b", "pattern": "^a",
            "teams": {"x": "y"}, "pair": ["b", 2], "names": ["n"], "either": "e", "extra": {"a": [1]}}""",
            Config,
        )
        self.assertEqual(
            config,
            Config([Rule(2)], 2.0, True, Mode.SAFE, "b", re.compile("^a"), {"x": "y"}, ("b", 2), frozenset("n"), "e", {"a": [1]}),
        )
        self.assertIsInstance(config.rate, float)

    def test_errors(self):
        for json, message in {
            "{}": "config: rules is missing",
            '{"rules": 1}': "config.rules: expected a list, found a whole number: 1",
            '{"rules": [{"modulus": 1}, {"modulus": "x"}]}': "config.rules[1].modulus: expected a whole number, found a string: 'x'",
            '{"rules": [{"modulus": true}]}': "config.rules[0].modulus: expected a whole number, found true or false: True",
            '{"rules": [{"modulus": 0}]}': "config.rules[0]: modulus must be positive",
            '{"rules": [], "rule": 1}': "config.rule: there is no such key; known: rules, rate, on, mode, kind, pattern, teams, pair, names, either, extra",
            '{"rules": [], "mode": "slow"}': "config.mode: expected one of 'fast', 'safe', found 'slow'",
            '{"rules": [], "kind": "c"}': "config.kind: expected one of 'a', 'b', found 'c'",
            '{"rules": [], "pattern": "("}': "config.pattern: missing ), unterminated subpattern at position 0, in the regular expression '('",
            '{"rules": [], "teams": {"x": 1}}': "config.teams.x: expected a string, found a whole number: 1",
            '{"rules": [], "pair": ["b"]}': "config.pair: expected 2 values, found 1",
            '{"rules": [], "either": 1.5}': "config.either: expected a string, found a number: 1.5",
        }.items():
            with self.subTest(json), self.assertRaises(ConfigError) as caught:
                read(json, Config)
            self.assertEqual(str(caught.exception), message)


if __name__ == "__main__":
    unittest.main()
