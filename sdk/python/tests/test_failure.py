"""A failure says where it was."""

import io
import logging
import sys
import unittest
from unittest import mock

import weir
from weir import failure, host


def fails():
    raise ValueError("no such thing")


class FailureTest(unittest.TestCase):
    def caught(self, act):
        try:
            act()
        except Exception as error:
            host.connect(host.Unconnected())
            return failure.reported(error), [m for _, m in host.connection.messages]
        self.fail("nothing was raised")

    def test_line_and_traceback(self):
        line, logged = self.caught(fails)
        self.assertRegex(line, r"^ValueError: no such thing \((tests/)?test_failure\.py:\d+, in fails\)$")
        self.assertEqual(len(logged), 1)
        self.assertRegex(logged[0], r'File "(tests/)?test_failure\.py", line \d+, in fails\n    raise ValueError\("no such thing"\)\nValueError: no such thing$')

    def test_a_cause_is_shown(self):
        def act():
            try:
                fails()
            except ValueError as e:
                raise KeyError("k") from e

        line, logged = self.caught(act)
        self.assertTrue(line.startswith("KeyError: 'k' ("), line)
        self.assertRegex(logged[0], "(?s)ValueError: no such thing\nwhich was the direct cause of:\n.*KeyError: 'k'$")

    def test_a_failure_of_the_author_s_choice_is_its_message(self):
        def act():
            raise weir.Failure("the table is not there yet")

        self.assertEqual(self.caught(act), ("the table is not there yet", []))

    def test_the_sdk_s_frames_are_left_out(self):
        def act():
            host.counter("a", {"b": 1})

        line, logged = self.caught(act)
        self.assertRegex(line, r"^TypeError: metric 'a': names and labels must be str, not int: 1 \(.*, in act\)$")
        self.assertNotIn("host.py", logged[0])


class RedirectTest(unittest.TestCase):
    def test_print_and_logging_lead_to_weir(self):
        root = logging.getLogger()
        with mock.patch.object(sys, "stdout", io.StringIO()), mock.patch.object(sys, "stderr", io.StringIO()), mock.patch.object(
            root, "handlers", []
        ), mock.patch.object(root, "level", root.level):
            host.connect(host.Unconnected())
            host.redirect()
            print("one\ntwo")
            logging.getLogger("x").warning("three %d", 3)
            sys.stderr.write("fo")
            sys.stderr.write("ur\n")
        self.assertEqual(
            [(level.name, text) for level, text in host.connection.messages],
            [("INFO", "one"), ("INFO", "two"), ("WARN", "three 3"), ("WARN", "four")],
        )


if __name__ == "__main__":
    unittest.main()
