"""HTTP requests, made by weir to the hosts that the operator has granted: `from weir import http`, at the top of the module, so that
the build sees it. The plugin runs only with `grant = [{ kind = "http", hosts = ["api.example.com"] }]`.

A call waits for its answers, and whoever it serves waits for the call: ask in `__init__` and in a tick, and keep what came.
"""

from __future__ import annotations

import json as _json
from dataclasses import dataclass, field
from typing import Any

from . import host


class Refused(Exception):
    """There is no answer. `reason` is one of `malformed`, `not-granted`, `too-large`, `over-budget`, `timeout`, `failed`, `not-now`."""

    def __init__(self, reason: str, words: str = "") -> None:
        super().__init__(f"{reason}: {words}" if words else reason)
        self.reason = reason


@dataclass(frozen=True)
class Response:
    """An answer, whatever its status. A redirect is one as well: weir follows none."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """What the body says in JSON."""
        return _json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for known, value in self.headers if known == name.lower()), None)


def send(
    method: str, url: str, body: bytes | str = b"", *, headers: dict[str, str] | None = None, timeout: float | None = None
) -> Response:
    """Makes a request and waits for the whole answer; `timeout` in seconds, never longer than the call may wait. Raises `Refused`."""
    given = list((headers or {}).items())
    for text in (method, url, *(part for header in given for part in header)):
        if not isinstance(text, str):
            raise TypeError(f"method, URL and headers must be str, not {type(text).__name__}: {text!r}")
    if not isinstance(body, (bytes, bytearray, memoryview, str)):
        raise TypeError(f"the body must be bytes or str, not {type(body).__name__}")
    sent = body.encode() if isinstance(body, str) else bytes(body)
    wait = None if timeout is None else max(0, min(int(timeout * 1000), 0xFFFFFFFF))
    status, answered, came = host.connection.http_send(method, url, given, sent, wait)
    return Response(status, came, answered)


def get(url: str, *, headers: dict[str, str] | None = None, timeout: float | None = None) -> Response:
    """A `GET`."""
    return send("GET", url, headers=headers, timeout=timeout)


def post(
    url: str, body: bytes | str, *, headers: dict[str, str] | None = None, timeout: float | None = None
) -> Response:
    """A `POST` of a body."""
    return send("POST", url, body, headers=headers, timeout=timeout)
