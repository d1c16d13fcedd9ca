"""HTTP requests, made by weir to the hosts that the operator has granted: `from weir import http`, at the top of the module, so that
the build sees it.

    answer = http.get("https://api.example.com/teams", headers={"accept": "text/csv"}, timeout=2)
    if not answer.ok:
        raise weir.Failure(f"no teams: {answer.status}")
    teams = answer.text.split(",")

A plugin that imports this runs only where its configuration has the grant: `grant = [{ kind = "http", hosts = ["api.example.com"] }]`.
Ask for it in the manifest, too, and say why.

A call waits for its answers, and whoever it serves waits for the call: ask in `__init__` and a `@weir.tick` rather than for each batch,
and keep what came. The requests of one call share the time that the operator allows (`limits.http_timeout`), those of all instances
their number (`limits.http_requests`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from . import host

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
"""Names and values; pairs, where a name comes more than once."""


class Refusal(str, Enum):
    """Why there is no answer."""

    MALFORMED = "malformed"
    """No request can be made of this."""
    NOT_GRANTED = "not-granted"
    """The host is not among those that are granted."""
    TOO_LARGE = "too-large"
    """The request or the answer is larger than it may be."""
    OVER_BUDGET = "over-budget"
    """More requests than the plugin may make now."""
    TIMEOUT = "timeout"
    """No whole answer came in time."""
    FAILED = "failed"
    """The name does not resolve, nothing listens there, TLS failed, or what came back was cut off or no HTTP."""
    NOT_NOW = "not-now"
    """There are no requests while weir asks what the plugin wants."""


class Refused(Exception):
    """There is no answer; weir logs and counts it as well. Any status is an answer."""

    def __init__(self, kind: Refusal, what: str = "") -> None:
        self.kind = Refusal(kind)
        """Why."""
        self.what = what
        """weir's words: what is wrong, or the host (`name:port`) that is not granted."""
        super().__init__(_TOLD.get(self.kind, "{}").format(what))


_TOLD = {
    Refusal.MALFORMED: "the request makes no sense: {}",
    Refusal.NOT_GRANTED: "requests to {} are not granted",
    Refusal.OVER_BUDGET: "more requests than the plugin may make now",
    Refusal.NOT_NOW: "there are no requests while weir asks what the plugin wants",
}


@dataclass
class Request:
    """A request, as tests see it."""

    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    timeout: float | None = None
    """Seconds."""


@dataclass
class Response:
    """An answer. A redirect is one as well: weir follows none."""

    status: int
    body: bytes = b""
    """As it came."""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Names in lower case, and values."""

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text, which is UTF-8."""
        return self.body.decode()

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first value of a header."""
        return next((value for n, value in self.headers if n.lower() == name.lower()), default)

    def json(self) -> Any:
        """What the body says in JSON."""
        return json.loads(self.body)


def get(url: str, *, headers: Headers = (), timeout: float | None = None) -> Response:
    """A `GET`; see `send`."""
    return send("GET", url, headers=headers, timeout=timeout)


def post(url: str, body: bytes | str = b"", *, headers: Headers = (), timeout: float | None = None) -> Response:
    """A `POST` of a body; see `send`."""
    return send("POST", url, body, headers=headers, timeout=timeout)


def send(
    method: str, url: str, body: bytes | str = b"", *, headers: Headers = (), timeout: float | None = None
) -> Response:
    """Makes a request and waits for the whole answer, whatever its status; raises `Refused` where there is none.

    `headers` come beside those that weir sets itself (`host`, `content-length` and what else belongs to the connection). A text is sent
    as UTF-8. `timeout` is in seconds, and never longer than the call may wait, which is the default.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    asked = Request(
        _text(method, "the method"),
        _text(url, "the URL"),
        [(_text(name, "a header's name"), _text(value, f"the value of header {name!r}")) for name, value in pairs],
        _bytes(body),
        _seconds(timeout),
    )
    return host.connection.http_send(asked)


def milliseconds(seconds: float | None) -> int | None:
    """A time-out as the contract has it."""
    return None if seconds is None else max(1, math.ceil(seconds * 1000))


def _text(text: str, what: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}: {text!r}")
    text.encode()  # what cannot be UTF-8 would end the instance
    return text


def _bytes(body: bytes | str) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError(f"the body must be bytes or a str, not {type(body).__name__}")
    return bytes(body)


def _seconds(timeout: float | None) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < 4e6:
        raise TypeError(f"the time-out: give seconds, not {timeout!r}")
    return timeout
