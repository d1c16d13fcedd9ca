"""What a component does not have, as errors that say so: asking for a clock, a file or a late import would end the instance without a
word. While the component is built all of it is still there, for modules that look at it when they are imported."""

from __future__ import annotations

import builtins
import datetime
import importlib
import io
import logging
import os
import random
import sys
import time
import types
from collections.abc import Callable
from typing import Any

_CLOCK = "a plugin has no clock: ask for `timestamps=True` and use those of the rows"
_FILES = "a plugin has no files: what it needs of them belongs into its configuration, or into its code"
_RANDOM = "a plugin has no source of secrets; `random.random()` gives the same sequence in each instance"
_PROCESS = "a plugin is no process"

_TIME = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
         "process_time_ns", "clock_gettime", "clock_gettime_ns", "sleep")  # fmt: skip
_OS_FILES = ("open", "listdir", "scandir", "stat", "lstat", "access", "mkdir", "makedirs", "remove", "unlink", "rename",
             "replace", "rmdir", "readlink", "symlink", "link", "chdir", "getcwd", "read", "write", "close", "utime")  # fmt: skip
_OS_PROCESS = ("_exit", "abort", "system", "fork", "execv", "kill", "wait")

# loaded on first use by the standard library, which is too late in a component
_LATE = ("_strptime", "encodings.latin_1", "encodings.ascii", "encodings.cp1252", "encodings.utf_16", "encodings.utf_16_le",
         "encodings.utf_16_be", "encodings.unicode_escape", "encodings.raw_unicode_escape", "decimal", "json", "string")  # fmt: skip


class Unavailable(RuntimeError):
    """Something that a component does not have."""


built = False
"""Whether the component is built, and runs."""


def close() -> None:
    """From now on what is asked for is not there."""
    global built
    built = True
    sys.meta_path[:] = [_Late()]


def put_up() -> None:
    """Stands before the author's code is imported, so that what it takes from other modules is guarded already."""
    for name in _LATE:
        importlib.import_module(name)
    for name in _TIME:
        _guard(time, name, _CLOCK)
    for name in ("gmtime", "localtime", "ctime"):  # of a given time they are fine
        _guard(time, name, _CLOCK, unless=lambda given: given and given[0] is not None)
    for name in ("strftime", "asctime"):
        _guard(time, name, _CLOCK, unless=lambda given, own=name: len(given) > (own == "strftime"))
    for names, why in ((_OS_FILES, _FILES), (("urandom", "getrandom"), _RANDOM), (_OS_PROCESS, _PROCESS)):
        for name in names:
            _guard(os, name, why)
    _guard(random, "_urandom", _RANDOM)
    _guard(io, "open", _FILES)
    builtins.open = io.open
    datetime.datetime, datetime.date = _dated(datetime.datetime), _dated(datetime.date)  # type: ignore[misc]
    # a log record has a time, which weir gives it anyway
    logging.time = types.SimpleNamespace(  # type: ignore[attr-defined]
        time=lambda: 0.0, time_ns=lambda: 0, strftime=time.strftime, gmtime=time.gmtime, localtime=time.localtime
    )


def _guard(module: Any, name: str, why: str, unless: Callable[[tuple], Any] = lambda given: False) -> None:
    real = getattr(module, name, None)
    if real is None:
        return

    def guarded(*given: Any, **named: Any) -> Any:
        if built and not unless(given):
            raise Unavailable(f"{name}: {why}")
        return real(*given, **named)

    guarded.__name__ = name
    setattr(module, name, guarded)


class _Dates(type):
    """A date that C made is one of these, too."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.__mro__[1])

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__mro__[1])


def _dated(real: type) -> type:
    """`datetime` or `date`, whose ways to ask for the time say that there is none."""

    def none(cls: type, *given: Any, **named: Any) -> Any:
        if built:
            raise Unavailable(f"{real.__name__}: {_CLOCK}")
        return getattr(real, "today")()

    names = [n for n in ("now", "utcnow", "today") if hasattr(real, n)]
    return _Dates(real.__name__, (real,), {"__module__": "datetime", **{n: classmethod(none) for n in names}})


class _Late:
    """Finds no module: there are no files any more."""

    def find_spec(self, name: str, *_: Any) -> None:
        raise ModuleNotFoundError(f"import {name} at the top of the module: a component has no files to import from later", name=name)
