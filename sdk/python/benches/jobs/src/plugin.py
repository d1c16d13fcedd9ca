"""The jobs of weir's benches/contract.rs."""

import re
from dataclasses import dataclass

import weir

EMAIL = re.compile("[A-Za-z0-9._+-]+@[A-Za-z0-9_+-]*[.][A-Za-z0-9._+-]*")


@dataclass
class Config:
    mode: str


class Jobs(weir.Plugin):
    def __init__(self, config: Config) -> None:
        self.filter = config.mode == "filter"

    @weir.series(labels=lambda jobs: ["env"] if jobs.filter else "everything")
    def relabel(self, rows: weir.SeriesRows) -> None:
        if self.filter:
            rows.where("env", "debug").drop()
            return
        rows.set("cluster", "eu-1")
        pods = rows - rows.where("pod", "")
        pods.set("pod_name", pods.labels("pod"))
        pods.remove("pod")

    @weir.logs()
    def redact(self, rows: weir.LogRows) -> None:
        gone = rows.containing("DEBUG")
        gone.drop()
        (rows - gone).containing("@").replace(EMAIL, "<email>")
