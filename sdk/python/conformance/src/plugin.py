"""The plugin that `sdk/conformance/README.md` describes."""

import re
from dataclasses import dataclass

import weir

SECRET = re.compile("password=[^ ]*")
STAMP = re.compile(r"at (\d+)", re.ASCII)


@dataclass
class Config:
    cluster: str
    drop: frozenset[str] = frozenset()
    factor: float = 1000.0

    def __post_init__(self) -> None:
        if not self.cluster:
            raise ValueError("cluster must not be empty")


class Conformance(weir.Plugin):
    def __init__(self, config: Config) -> None:
        self.config = config
        weir.log.info("configured")

    @weir.series(labels=["__name__", "city", "instance", "mode"])
    def relabel(self, rows: weir.SeriesRows) -> None:
        for row in rows.where("mode", {"error", "panic"}):
            if row.label("mode") == "panic":
                raise RuntimeError("asked to panic")
            raise weir.Failure(f"asked to fail by {row.label('instance') or ''}")
        dropped = rows.where("__name__", self.config.drop)
        dropped.drop()
        weir.counter("dropped", {"kind": "series"}, len(dropped))
        rows.set("cluster", self.config.cluster)
        greeted = rows.where("city", lambda city: city != "")
        greeted.set("greeting", [f"grüezi {city}" for city in greeted.labels("city")])
        renamed = rows.where("mode", "rename")
        renamed.set("__name__", [f"{name or ''}_renamed" for name in renamed.labels("__name__")])
        rows.where("mode", "remove").remove("instance")
        rows.where("mode", "empty").set("instance", "")

    @weir.samples(labels=["__name__", "unit"], timestamps=True)
    def process(self, rows: weir.SampleRows) -> None:
        floats = rows.floats
        for row in floats.where("unit", "fail"):
            raise weir.Failure(f"asked to fail by {row.label('__name__')}")
        floats.below(0).drop()
        floats = floats - floats.below(0)
        ms = floats.where("unit", "ms")
        ms.set_values([value / self.config.factor for value in ms.values])
        ms.set("unit", "s")
        for row in floats.where("unit", "time"):
            row.set_value(row.timestamp % 1000)
        for row in floats.where("unit", "nan"):
            row.set_value(float("nan"))

    @weir.logs(labels=["job"], metadata=["trace"], timestamps=True)
    def read(self, rows: weir.LogRows) -> None:
        for row in rows.containing("FAIL") | rows.containing("PANIC"):
            if row.line == "PANIC":
                raise RuntimeError("asked to panic")
            if row.line == "FAIL":
                raise weir.Failure(f"asked to fail by {row.label('job') or ''}")
        gone = rows.containing("DEBUG")
        gone.drop()
        rows = rows - gone
        rows.containing("ERROR").set_metadata("level", "error")
        for row in rows.containing("at "):
            if stamp := STAMP.match(row.line):
                row.set_timestamp(int(stamp[1]))
        rows.containing("password=").replace(SECRET, "password=***")
        traced = rows.where_metadata("trace", lambda trace: trace != "")
        traced.remove_metadata("trace")
        traced.set("traced", "yes")
