"""From the contract's generated bindings to a plugin and back. Only a component imports this."""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from componentize_py_types import Err
from wit_world.imports import host as weir_host
from wit_world.imports import types as wire

from . import failure, host, plugin, walls
from .columns import Sets, Strings
from .config import ConfigError
from .edit import LabelEdit
from .log_rows import LogRows, LogsCall
from .log_rows import finish as finish_logs
from .rows import Call
from .sample_rows import SampleRows, SamplesCall
from .sample_rows import finish as finish_samples
from .series_rows import SeriesRows
from .series_rows import finish as finish_series

if TYPE_CHECKING:
    from .http import Request, Response  # not otherwise: only a plugin that makes requests has it

walls.put_up()

_LEVELS = {level: getattr(weir_host.Level, level.name) for level in host.Level}


class _Weir:
    """weir itself."""

    def log(self, level: host.Level, message: str) -> None:
        # what cannot be UTF-8 would end the instance
        weir_host.log(_LEVELS[level], message.encode(errors="backslashreplace").decode())

    def counter_add(self, name: str, labels: dict[str, str], value: float) -> None:
        weir_host.counter_add(name, [wire.Label(k, v) for k, v in labels.items()], value)

    def gauge_set(self, name: str, labels: dict[str, str], value: float) -> None:
        weir_host.gauge_set(name, [wire.Label(k, v) for k, v in labels.items()], value)

    def emit_samples(self, rows, words, sets, of_row, times, starts, values) -> bool:
        from wit_world.imports import emit

        columns = emit.SampleColumns(rows, wire.Symbols(*words), wire.LabelSets(*sets), of_row, times, starts, values)
        return self._emitted(emit, emit.samples, columns)

    def emit_lines(self, rows, words, sets, of_row, metadata, times, text) -> bool:
        from wit_world.imports import emit

        sets, metadata = wire.LabelSets(*sets), wire.LabelSets(*metadata)
        columns = emit.LineColumns(rows, wire.Symbols(*words), sets, of_row, metadata, times, wire.Symbols(*text))
        return self._emitted(emit, emit.lines, columns)

    @staticmethod
    def _emitted(emit: ModuleType, send: Callable[[Any], None], columns: Any) -> bool:
        try:
            send(columns)
        except Err as refused:
            if isinstance(refused.value, emit.Refusal_OverBudget):
                return False
            from .emit import Refused

            if isinstance(refused.value, emit.Refusal_Malformed):
                raise Refused(refused.value.value) from None
            raise Refused("there is no emitting before the first call: not from __init__") from None
        return True

    def state_get(self, key: str) -> bytes | None:
        from wit_world.imports import state

        return state.get(key)

    def state_set(self, key: str, value: bytes) -> bool:
        from wit_world.imports import state

        try:
            state.set(key, value)
        except Err:
            return False
        return True

    def state_remove(self, key: str) -> None:
        from wit_world.imports import state

        state.remove(key)

    def state_keys(self, prefix: str) -> list[str]:
        from wit_world.imports import state

        return state.keys(prefix)

    def http_send(self, asked: Request) -> Response:
        from wit_world.imports import http

        from .http import Refusal, Refused, Response, milliseconds

        headers = [http.Header(name, value) for name, value in asked.headers]
        request = http.Request(asked.method, asked.url, headers, asked.body, milliseconds(asked.timeout))
        try:
            answer = http.send(request)
        except Err as refused:
            # as in `Refusal_NotGranted`, whose words are the host
            kind = Refusal[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(refused.value).__name__.removeprefix("Refusal_")).upper()]
            raise Refused(kind, getattr(refused.value, "value", "")) from None
        return Response(answer.status, answer.body, [(h.name, h.value) for h in answer.headers])

    def verdicts_forget(self) -> None:
        from wit_world.imports import verdicts

        verdicts.forget()


def _guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    """Whatever is raised becomes the call's error, with the traceback in weir's log."""

    @functools.wraps(call)
    def guarded(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Err:
            raise
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: there is nothing to exit to
            try:
                message = failure.reported(error)
            except Exception:  # whatever it is, it must not end the instance without a word
                message = type(error).__name__
        raise Err(message.encode(errors="backslashreplace").decode())

    return guarded


class _Instance:
    """The plugin of this instance."""

    made: Any = None
    wants: dict[str, Any] = {}


def exports(module: ModuleType) -> dict[str, type]:
    """The classes that the bindings look for, for what a module's plugin has."""
    kind = plugin.of_module(module)
    found = plugin.interfaces(kind)
    plugin.configuration(kind)
    for name in ("emit", "http", "state", "verdicts"):
        if f"weir.{name}" in sys.modules:  # a component has no files to import from later
            importlib.import_module(f"wit_world.imports.{name}")
    failure.remember()
    host.redirect()
    host.connect(_Weir())
    makers = {"series": _series, "samples": _samples, "logs": _logs, "tick": _tick}
    # by the order of their making, so that an error in one is found at the build
    out = {name.capitalize(): makers[name](method) for name, (method, _) in found.items()}
    return {"Lifecycle": _lifecycle(kind, found), **out}


def _lifecycle(kind: type[plugin.Plugin], found: dict[str, tuple[str, plugin.Interface]]) -> type:
    class Lifecycle:
        @_guarded
        def configure(self, json: str) -> None:
            walls.close()
            try:
                _Instance.made = plugin.make(kind, json)
            except ConfigError as error:  # the operator's to mend: no traceback
                raise Err(str(error)) from None
            # asked for now, where an error has a way out
            _Instance.wants = {
                name: {key: _wanted(key, value) for key, value in interface.wants.items()}
                for name, (_, interface) in found.items()
            }

    return Lifecycle


def _wanted(key: str, value: Any) -> Any:
    if key == "every":
        return plugin.milliseconds(value, _Instance.made)
    if isinstance(value, bool):
        return value
    resolved = plugin.resolve(value, _Instance.made)
    if resolved.everything:
        return wire.LabelsWanted_Everything()
    return wire.LabelsWanted_Named(resolved.names) if resolved.names else wire.LabelsWanted_Nothing()


def _ask(method: str, *given: Any) -> None:
    answer = getattr(_Instance.made, method)(*given)
    if answer is not None:
        raise TypeError(f"{method} returned {type(answer).__name__}: change the rows it was given, and return nothing")


def _sets(rows: int, strings: Strings, sets: wire.LabelSets, of_row: bytes) -> Sets:
    return Sets(rows, strings, sets.pairs, sets.ends, of_row)


def _edit(edit: LabelEdit | None) -> wire.LabelEdit | None:
    return edit and wire.LabelEdit(wire.Symbols(edit.text, edit.ends), edit.assigned, b"")


def _series(method: str) -> type:
    from wit_world.exports import series

    class Series:
        def wants(self) -> wire.LabelsWanted:
            return _Instance.wants["series"]["labels"]

        @_guarded
        def relabel(self, rows: int, symbols: wire.Symbols, sets: wire.LabelSets) -> series.Verdicts:
            call = Call(rows, _sets(rows, Strings(symbols.text, symbols.ends), sets, b""))
            _ask(method, SeriesRows(call))
            verdicts = finish_series(call)
            return series.Verdicts(verdicts.dropped, _edit(verdicts.labels))

    return Series


def _samples(method: str) -> type:
    from wit_world.exports import samples

    class Samples:
        def wants(self) -> samples.Wanted:
            return samples.Wanted(**_Instance.wants["samples"])

        @_guarded
        def process(self, b: samples.Batch) -> samples.Edit:
            sets = _sets(b.rows, Strings(b.symbols.text, b.symbols.ends), b.sets, b.set_of_row)
            call = SamplesCall(b.rows, sets, b.kinds, b.timestamps, b.start_timestamps, b.values)
            _ask(method, SampleRows(call))
            patch = finish_samples(call)
            if patch is None:
                return samples.Edit_Unchanged()
            return samples.Edit_Patch(samples.Patch(patch.dropped, _edit(patch.labels), patch.changed, patch.values))

    return Samples


def _logs(method: str) -> type:
    from wit_world.exports import logs

    class Logs:
        def wants(self) -> logs.Wanted:
            return logs.Wanted(**_Instance.wants["logs"])

        @_guarded
        def process(self, b: logs.Batch) -> logs.Edit:
            strings = Strings(b.symbols.text, b.symbols.ends)
            sets = _sets(b.rows, strings, b.sets, b.set_of_row)
            metadata = _sets(b.rows, strings, b.metadata, b"")
            call = LogsCall(b.rows, sets, metadata, b.timestamps, Strings(b.lines.text, b.lines.ends))
            _ask(method, LogRows(call))
            patch = finish_logs(call)
            if patch is None:
                return logs.Edit_Unchanged()
            times = patch.times and logs.NewTimes(*patch.times)
            lines = wire.Symbols(patch.text, patch.ends)
            return logs.Edit_Patch(
                logs.Patch(patch.dropped, _edit(patch.labels), _edit(patch.metadata), times, patch.changed, lines)
            )

    return Logs


def _tick(method: str) -> type:
    class Tick:
        def interval(self) -> int:
            return _Instance.wants["tick"]["every"]

        @_guarded
        def tick(self, now: int, last: bool) -> None:
            _ask(method, now, last)

    return Tick
