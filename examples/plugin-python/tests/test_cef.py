"""What is quicker said in Python than in a fixture: `PYTHONPATH=src:weir/sdk/python python3 -m unittest discover tests`."""

import unittest

import plugin
from weir import testing


class CefTest(unittest.TestCase):
    def test_what_is_malformed_is_counted(self):
        made = testing.configure(plugin.Cef)
        made.logs(["CEF:0|a", "CEF:0|a|b|c|d|e|5|", "CEF:x"])
        self.assertEqual(made.metrics, {("malformed",): 2.0})

    def test_escapes(self):
        self.assertEqual(plugin.plain(r"a\|b\\c\=d\ne"), "a|b\\c=d\ne")


if __name__ == "__main__":
    unittest.main()
