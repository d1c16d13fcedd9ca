"""Values that outlive the instance and a reload of the plugin, kept by weir in memory: `from weir import state`, at the top of the
module, so that the build sees it.

What a call has changed counts only if the call succeeds. `__init__` is where a plugin takes up what it left.
"""

from __future__ import annotations

import json
from typing import Any

from . import host


def get(key: str, default: Any = None) -> Any:
    """The value of a key, as `set` took it."""
    kept = get_bytes(key)
    return default if kept is None else json.loads(kept)


def set(key: str, value: Any) -> bool:
    """Sets the value of a key to what JSON can say; false where there is no room for it, and the old one stays."""
    return set_bytes(key, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def get_bytes(key: str) -> bytes | None:
    """The value of a key, as `set_bytes` took it."""
    return host.connection.state_get(_key(key))


def set_bytes(key: str, value: bytes) -> bool:
    """Sets the value of a key; false where there is no room for it, and the old one stays."""
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"the value of key {key!r} must be bytes, not {type(value).__name__}; `set` takes what JSON can say")
    return host.connection.state_set(_key(key), bytes(value))


def remove(key: str) -> None:
    """Takes a key out, if it is there."""
    host.connection.state_remove(_key(key))


def keys(prefix: str = "") -> list[str]:
    """All keys that begin so, ascending."""
    return host.connection.state_keys(_key(prefix))


def _key(key: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be a str, not {type(key).__name__}: {key!r}")
    return key
