"""What an author reads when a plugin cannot be built: the author's own lines, and nothing of what imports them."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent


def told(code: str) -> str:
    """What the build of a plugin with this code says."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src/plugin.py"
        source.parent.mkdir()
        source.write_text(code)
        command = [sys.executable, "-m", "weir.build", folder]
        done = subprocess.run(command, cwd=SDK, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done
        return done.stderr


class WhatABuildSays(unittest.TestCase):
    def test_what_does_not_parse_is_shown_with_its_line(self) -> None:
        said = told("import weir\n\nx = = 1\n")
        self.assertIn('File "src/plugin.py", line 3\n', said)
        self.assertIn("x = = 1", said)
        self.assertNotIn("importlib", said)
        self.assertNotIn("Traceback", said)

    def test_what_the_authors_code_raises_is_shown_by_its_own_lines(self) -> None:
        said = told("import weir\n\ndef f():\n    raise ValueError('no')\n\nf()\n")
        for part in ('File "src/plugin.py", line 6', 'File "src/plugin.py", line 4', "ValueError: no"):
            self.assertIn(part, said)
        self.assertNotIn("importlib", said)

    def test_a_package_that_is_not_there_is_said_with_where_it_goes(self) -> None:
        said = told("import weir\nimport no_such_package\n")
        self.assertIn("src/plugin.py", said)
        self.assertIn("no_such_package is not here: what is pure Python goes into requirements.txt", said)

    def test_a_decorator_without_parentheses_is_named(self) -> None:
        for name in ("series", "samples", "logs"):
            said = told(f"import weir\n\nclass P(weir.Plugin):\n    @weir.{name}\n    def f(self, rows): ...\n")
            self.assertIn(f"write @weir.{name}(), with parentheses", said)
            self.assertIn("line 4", said)
