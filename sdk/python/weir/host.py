"""What weir offers a plugin: its log, and metrics of the plugin's own."""

from __future__ import annotations

import logging
import sys
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .http import Refused, Request, Response


class Level(Enum):
    """How grave a message is."""

    ERROR = 0
    """Something is lost or broken."""
    WARN = 1
    """Something is degraded."""
    INFO = 2
    """Something that an operator wants to know."""
    DEBUG = 3
    """Something for the plugin's author."""


class Unconnected:
    """weir's part where no weir is: in tests. It keeps what it was told (`weir.testing` shows it)."""

    def __init__(self) -> None:
        self.messages: list[tuple[Level, str]] = []
        self.metrics: dict[tuple, float] = {}
        self.emitted: list[tuple] = []
        self.state: dict[str, bytes] = {}
        self.answers: dict[str, Response | Refused] = {}
        self.requests: list[Request] = []
        self.forgotten = 0

    def log(self, level: Level, message: str) -> None:
        self.messages.append((level, message))

    def counter_add(self, name: str, labels: dict[str, str], value: float) -> None:
        if 0 <= value < float("inf"):
            key = (name, *sorted(labels.items()))
            self.metrics[key] = self.metrics.get(key, 0.0) + value

    def gauge_set(self, name: str, labels: dict[str, str], value: float) -> None:
        self.metrics[(name, *sorted(labels.items()))] = value

    def emit_samples(self, *columns: object) -> bool:
        self.emitted.append(("samples", columns))
        return True

    def emit_lines(self, *columns: object) -> bool:
        self.emitted.append(("lines", columns))
        return True

    def state_get(self, key: str) -> bytes | None:
        return self.state.get(key)

    def state_set(self, key: str, value: bytes) -> bool:
        self.state[key] = value
        return True

    def state_remove(self, key: str) -> None:
        self.state.pop(key, None)

    def state_keys(self, prefix: str) -> list[str]:
        return sorted(k for k in self.state if k.startswith(prefix))

    def http_send(self, request: Request) -> Response:
        from . import http  # a plugin that gets here has it already

        self.requests.append(request)
        answer = self.answers.get(request.url)
        if answer is None:
            raise http.Refused(http.Refusal.NOT_GRANTED, (request.url.split("/") + ["", "", ""])[2])
        if isinstance(answer, http.Refused):
            raise answer
        return answer

    def verdicts_forget(self) -> None:
        self.forgotten += 1


connection = Unconnected()
"""Where calls go; a component puts weir here."""


def connect(to) -> None:
    """Puts something in weir's place."""
    global connection
    connection = to


class log:
    """weir's log. `logging` and `print` lead here too; weir adds the plugin's name, cuts and thins out floods."""

    @staticmethod
    def error(message: object) -> None:
        """Something is lost or broken."""
        connection.log(Level.ERROR, str(message))

    @staticmethod
    def warn(message: object) -> None:
        """Something is degraded."""
        connection.log(Level.WARN, str(message))

    @staticmethod
    def info(message: object) -> None:
        """Something that an operator wants to know."""
        connection.log(Level.INFO, str(message))

    @staticmethod
    def debug(message: object) -> None:
        """Something for the plugin's author."""
        connection.log(Level.DEBUG, str(message))


def counter(name: str, labels: dict[str, str] | None = None, add: float = 1.0) -> None:
    """Adds to `weir_plugin_custom_<name>_total` on weir's `/metrics`. What is negative or not finite is ignored."""
    connection.counter_add(*_metric(name, labels), _number(add, name))


def gauge(name: str, value: float, labels: dict[str, str] | None = None) -> None:
    """Sets `weir_plugin_custom_<name>` on weir's `/metrics`."""
    connection.gauge_set(*_metric(name, labels), _number(value, name))


def _metric(name: str, labels: dict[str, str] | None) -> tuple[str, dict[str, str]]:
    for text in (name, *(labels or {}), *(labels or {}).values()):
        if not isinstance(text, str):
            raise TypeError(f"metric {name!r}: names and labels must be str, not {type(text).__name__}: {text!r}")
    return name, labels or {}


def _number(value: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"metric {name!r}: the value must be a number, not {type(value).__name__}: {value!r}")
    return float(value)


class _Handler(logging.Handler):
    """`logging` into weir's log."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            level = Level.ERROR
        elif record.levelno >= logging.WARNING:
            level = Level.WARN
        else:
            level = Level.INFO if record.levelno >= logging.INFO else Level.DEBUG
        connection.log(level, self.format(record))


class _Stream:
    """What is printed, line by line, into weir's log."""

    encoding = "utf-8"

    def __init__(self, level: Level) -> None:
        self.level, self.pending = level, ""

    def write(self, text: str) -> int:
        *lines, self.pending = (self.pending + text).split("\n")
        for line in lines:
            connection.log(self.level, line)
        return len(text)

    def flush(self) -> None:
        if self.pending:
            connection.log(self.level, self.pending)
            self.pending = ""

    def isatty(self) -> bool:
        return False


def redirect() -> None:
    """Leads `logging` and `print` to weir: a component has no standard output, and writing there would end it."""
    handler = _Handler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    # threads and processes that a record would name are not there
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    sys.stdout, sys.stderr = _Stream(Level.INFO), _Stream(Level.WARN)
