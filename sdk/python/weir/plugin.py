"""What a plugin is: a class, and which of its methods weir calls."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union

from . import config

F = TypeVar("F", bound=Callable[..., None])

Wanted = Union[Iterable[str], Literal["everything"], Callable[[Any], Union[Iterable[str], Literal["everything"]]]]
"""Which labels a plugin reads: those of these names, or `"everything"`; or a function of the plugin that says so. What is
not asked for never crosses into the plugin, so the fewer the cheaper."""


@dataclass
class Interface:
    """One of weir's interfaces, on a method."""

    name: str
    wants: dict[str, Any]


@dataclass
class Resolved:
    """Labels that are asked for, once the plugin is there."""

    everything: bool
    names: list[str]


def resolve(wanted: Wanted, plugin: Any) -> Resolved:
    """What a `Wanted` says."""
    if callable(wanted):
        wanted = wanted(plugin)
    if wanted == "everything":
        return Resolved(True, [])
    if isinstance(wanted, str):
        raise TypeError(f'labels={wanted!r}: give a list of names, or "everything"')
    names = list(wanted)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"a label's name must be a str, not {type(name).__name__}: {name!r}")
    return Resolved(False, names)


def _marked(name: str, **wants: Any) -> Callable[[F], F]:
    def mark(method: F) -> F:
        if not callable(method):
            raise TypeError(f"@weir.{name}(...) stands before a method")
        method.__weir__ = Interface(name, wants)  # type: ignore[attr-defined]
        return method

    return mark


def _called(name: str, bare: object) -> None:
    """That a decorator is written with its parentheses."""
    if bare is not None:
        raise TypeError(f"write @weir.{name}(), with parentheses: in them stands what it reads, as in labels=['job']")


def series(bare: None = None, /, *, labels: Wanted = ()) -> Callable[[F], F]:
    """Before a method that takes `SeriesRows`: it decides by labels alone, once for each series or log stream."""
    _called("series", bare)
    return _marked("series", labels=labels)


def samples(
    bare: None = None, /, *, labels: Wanted = (), timestamps: bool = False, start_timestamps: bool = False
) -> Callable[[F], F]:
    """Before a method that takes `SampleRows`: it looks at every batch of samples. Values are always there."""
    _called("samples", bare)
    return _marked("samples", labels=labels, timestamps=timestamps, start_timestamps=start_timestamps)


def logs(
    bare: None = None, /, *, lines: bool = True, labels: Wanted = (), metadata: Wanted = (), timestamps: bool = False
) -> Callable[[F], F]:
    """Before a method that takes `LogRows`: it looks at every batch of log lines."""
    _called("logs", bare)
    return _marked("logs", labels=labels, metadata=metadata, timestamps=timestamps, lines=lines)


def tick(*, every: Union[float, Callable[[Any], float]]) -> Callable[[F], F]:
    """Before a method that takes `now` (milliseconds since the epoch) and `last`: it is called about every so many seconds, at
    least 1, and once more with `last` before no call comes any more. `every` may be a function of the plugin.

    A plugin that has this has one instance in each pipeline, so what it holds is all there is.
    """
    return _marked("tick", every=every)


def milliseconds(every: Any, plugin: Any) -> int:
    """What `every` says, as the contract has it."""
    seconds = every(plugin) if callable(every) else every
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 4_000_000:
        raise TypeError(f"@weir.tick(every=...): give seconds, not {seconds!r}")
    return round(seconds * 1000)


class Plugin:
    """A plugin; weir makes one for each instance. Say what it looks at with `@weir.series`, `@weir.samples`, `@weir.logs`;
    `@weir.tick` beside them calls it over time.

    Where it takes a configuration, its `__init__` has one parameter, annotated with a dataclass (or `dict`): `config` of the
    plugin in weir's configuration is read into it. What `__init__` raises keeps the plugin from being used, and is shown to
    the operator.
    """


def interfaces(plugin: type[Plugin]) -> dict[str, tuple[str, Interface]]:
    """The interfaces of a plugin: by name, the method and what is asked for."""
    out: dict[str, tuple[str, Interface]] = {}
    for name, method in inspect.getmembers(plugin, callable):
        found = getattr(method, "__weir__", None)
        if isinstance(found, Interface):
            if found.name in out:
                raise TypeError(f"{plugin.__name__} has two methods with @weir.{found.name}: {out[found.name][0]} and {name}")
            out[found.name] = (name, found)
    if not out.keys() - {"tick"}:
        raise TypeError(f"{plugin.__name__} has no method with @weir.series, @weir.samples or @weir.logs")
    return out


def of_module(module: types.ModuleType) -> type[Plugin]:
    """The plugin that a module has: its one class that derives from `Plugin`."""
    found = [
        c
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, Plugin) and c is not Plugin and c.__module__ == module.__name__
    ]
    found = [c for c in found if not any(d is not c and issubclass(d, c) for d in found)]
    if len(found) != 1:
        names = ", ".join(c.__name__ for c in found) or "none"
        raise TypeError(f"{module.__name__}.py must have one class that derives from weir.Plugin; it has: {names}")
    return found[0]


@functools.cache
def configuration(plugin: type[Plugin]) -> Any:
    """The type that a plugin's configuration is read into; `None` where it takes none."""
    parameters = list(inspect.signature(plugin).parameters.values())
    needed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if not needed:
        return None
    if len(needed) > 1:
        raise TypeError(f"{plugin.__name__}.__init__ takes one parameter, the configuration, not {len(needed)}")
    into = typing.get_type_hints(plugin.__init__).get(needed[0].name)
    if into is None:
        raise TypeError(f"{plugin.__name__}.__init__: annotate {needed[0].name} with a dataclass, or with dict")
    config.prepare(into)
    return into


def make(plugin: type[Plugin], json: str) -> Plugin:
    """A plugin out of its configuration."""
    into = configuration(plugin)
    if into is None:
        config.read(json, _NoConfig)
        return plugin()
    return plugin(config.read(json, into))  # type: ignore[call-arg]


@dataclass
class _NoConfig:
    """Any key is an error."""
