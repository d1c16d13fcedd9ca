"""Drops metrics that nobody reads, and gives all others (and all log streams) a label."""

from dataclasses import dataclass, field

import weir


@dataclass
class Config:
    """What stands in `[plugins.{{name}}] config` of weir's configuration."""

    cluster: str
    """The label's value."""
    drop: list[str] = field(default_factory=list)
    """Names of metrics that end here."""

    def __post_init__(self) -> None:
        # what the operator reads is: "config: cluster needs a name"
        if not self.cluster:
            raise ValueError("cluster needs a name")


class {{pascal}}(weir.Plugin):
    def __init__(self, config: Config) -> None:
        self.config = config

    @weir.series(labels=["__name__"])  # only these labels come into the plugin
    def relabel(self, rows: weir.SeriesRows) -> None:
        """weir asks once for each series and keeps the answer."""
        rows.where("__name__", self.config.drop).drop()
        rows.set("cluster", self.config.cluster)
