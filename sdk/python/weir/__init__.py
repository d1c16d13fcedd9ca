"""Writes plugins for weir in Python.

A plugin is a class with methods that say what they look at:

    from dataclasses import dataclass

    import weir


    @dataclass
    class Config:
        cluster: str


    class Tidy(weir.Plugin):
        def __init__(self, config: Config) -> None:
            self.config = config

        @weir.series(labels=["__name__"])
        def relabel(self, rows: weir.SeriesRows) -> None:
            rows.where("__name__", "container_tasks_state").drop()
            rows.set("cluster", self.config.cluster)

What is not touched goes on as it is. State that is kept in the class is that of one instance; weir may run several side by side.

Speed: a turn of a loop is dear in a component, a search of a whole column is not. Ask for little (`labels=`), select with `where`,
`containing`, `below`, and change what was selected at once; loop over what is left. Decide in `series` what depends on labels alone: weir
keeps the answer.
"""

from .config import ConfigError
from .failure import Failure
from .host import Level, counter, gauge, log
from .log_rows import LogRow, LogRows
from .plugin import Plugin, logs, samples, series, tick
from .rows import Test
from .sample_rows import Kind, SampleRow, SampleRows
from .series_rows import SeriesRow, SeriesRows

__all__ = [
    "ConfigError",
    "Failure",
    "Kind",
    "Level",
    "LogRow",
    "LogRows",
    "Plugin",
    "SampleRow",
    "SampleRows",
    "SeriesRow",
    "SeriesRows",
    "Test",
    "counter",
    "gauge",
    "log",
    "logs",
    "samples",
    "series",
    "tick",
]


def __getattr__(name: str):
    if name in ("emit", "http", "state", "verdicts"):
        raise AttributeError(f"write `from weir import {name}` at the top of the module: the build looks for it")
    raise AttributeError(f"module 'weir' has no attribute {name!r}")
