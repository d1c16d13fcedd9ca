"""The job of sdk/benches."""

import re
from dataclasses import dataclass

import weir

SECRET = re.compile("password=[^ ]*")


@dataclass
class Config:
    cluster: str


class Cost(weir.Plugin):
    def __init__(self, config: Config) -> None:
        self.cluster = config.cluster

    @weir.series(labels=["__name__"])
    def relabel(self, rows: weir.SeriesRows) -> None:
        gone = rows.where("__name__", "container_tasks_state")
        gone.drop()
        (rows - gone).set("cluster", self.cluster)

    @weir.samples(labels=["unit"])
    def scale(self, rows: weir.SampleRows) -> None:
        gone = rows.below(0)
        gone.drop()
        seconds = rows.where("unit", "s") - gone
        seconds.set_values([value * 1000 for value in seconds.values])

    @weir.logs()
    def redact(self, rows: weir.LogRows) -> None:
        gone = rows.containing("DEBUG")
        gone.drop()
        rows = rows - gone
        rows.containing("ERROR").set_metadata("level", "error")
        rows.containing("password=").replace(SECRET, "password=***")
