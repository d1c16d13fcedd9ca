"""What a component does not have is an error that says so, and all that it has goes on."""

import subprocess
import sys
import unittest
from pathlib import Path

SCRIPT = """
import sys
from weir import walls
walls.put_up()
import datetime, io, logging, os, random, secrets, time, uuid
from datetime import datetime as when, date
assert time.time() > 0 and when.now() and open(__file__ if len(sys.argv) > 1 else os.devnull)  # while it is built
walls.close()
def refused(act, what):
    try:
        act()
    except (walls.Unavailable, ModuleNotFoundError) as e:
        assert what in str(e), (what, e)
    else:
        raise AssertionError(f"{what}: it went through")
for act in (time.time, time.monotonic_ns, when.now, when.utcnow, date.today, time.gmtime, time.localtime, time.ctime, time.asctime,
            lambda: time.strftime("%Y"), lambda: time.sleep(0), lambda: when.now(datetime.timezone.utc)):
    refused(act, "no clock")
for act in (lambda: open("x"), lambda: io.open("x"), lambda: os.listdir("."), lambda: os.stat("."), os.getcwd, lambda: os.write(1, b"")):
    refused(act, "no files")
for act in (lambda: os.urandom(1), uuid.uuid4, lambda: secrets.token_hex(1), lambda: random.SystemRandom().random()):
    refused(act, "no source of secrets")
refused(lambda: os._exit(0), "no process")
refused(lambda: __import__("colorsys"), "import colorsys at the top of the module")
# what has no need of any of this
moment = when.fromtimestamp(0, datetime.timezone.utc)
assert isinstance(moment, when) and isinstance(moment, datetime.date) and moment.year == 1970
assert when.strptime("2020-01-02", "%Y-%m-%d") + datetime.timedelta(days=1) == when(2020, 1, 3)
assert when.fromisoformat("2020-01-02T03:04:05+00:00").timestamp() == 1577934245
assert time.gmtime(0).tm_year == 1970 and time.strftime("%Y", time.gmtime(0)) == "1970"
assert issubclass(when, datetime.date) and not isinstance(date(2020, 1, 1), when)
assert "\\xe9".encode("latin-1").decode("cp1252") == "\\xe9" and 0 <= random.random() < 1
logging.LogRecord("a", 20, "b", 1, "c", (), None)
sys.stdout.write("all\\n"), sys.stdout.flush()
"""


class WallsTest(unittest.TestCase):
    def test_walls(self):
        sdk = str(Path(__file__).resolve().parent.parent)
        # in a process of its own, which it changes for good
        done = subprocess.run([sys.executable, "-c", SCRIPT], env={"PYTHONPATH": sdk}, capture_output=True, text=True, check=False)
        self.assertEqual((done.stdout, done.returncode), ("all\n", 0), done.stderr)


if __name__ == "__main__":
    unittest.main()
