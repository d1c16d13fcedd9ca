"""Reads CEF (ArcSight's Common Event Format) out of log lines: header and chosen extensions become structured metadata, the
severity a level, `rt` the line's time.

    Sep 19 08:26:10 fw1 CEF:0|Acme|Wall|4.2|100|port scan\\|slow|8|src=10.0.0.1 spt=1232 msg=a long\\=story rt=1663575970123
"""

import re
from dataclasses import dataclass, field

import weir


@dataclass
class Config:
    keep: list[str] = field(default_factory=lambda: ["src", "dst", "act"])
    """Extensions that become metadata, under their own names."""
    level_label: str = ""
    """A stream label that gets the level too; none unless it is named."""
    drop_below: int = 0
    """Events of a lower severity (0 to 10) end here."""

    def __post_init__(self) -> None:
        if not 0 <= self.drop_below <= 10:
            raise ValueError("drop_below is a severity, from 0 to 10")


HEADER = re.compile(r"CEF:\d\|" + r"((?:[^|\\]|\\.)*)\|" * 6)
"""Vendor, product, version, signature, name and severity; `\\|` and `\\\\` are escaped in them."""
EXTENSION = re.compile(r"(\w[\w.\[\]]*)=((?:[^=\\]|\\.)*?)(?=\s+\w[\w.\[\]]*=|\s*$)")
"""`key=value`; a value may hold blanks, so it ends before the next key."""
FIELDS = ("cef_vendor", "cef_product", None, "cef_signature", "cef_name")
WORDS = {"low": 3, "medium": 6, "high": 8, "very-high": 10, "unknown": 0}
LEVELS = ("info",) * 4 + ("warn",) * 3 + ("error",) * 2 + ("critical",) * 2


def plain(text: str) -> str:
    """Text without its escapes."""
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), text) if "\\" in text else text


class Cef(weir.Plugin):
    def __init__(self, config: Config) -> None:
        self.config = config
        self.keep = set(config.keep)

    @weir.logs()
    def parse(self, rows: weir.LogRows) -> None:
        # one search over all lines; the loop sees those of the format alone
        for row in rows.containing("CEF:"):
            header = HEADER.search(row.line)
            if header is None:
                row.set_metadata("cef_error", "header")
                weir.counter("malformed")
                continue
            *fields, word = header.groups()
            severity = WORDS.get(word.lower(), int(word) if word.isdigit() else 0)
            if severity < self.config.drop_below:
                row.drop()
                continue
            for name, value in zip(FIELDS, fields):
                if name:
                    row.set_metadata(name, plain(value))
            self.extensions(row, row.line[header.end() :])
            level = LEVELS[min(severity, 10)]
            row.set_metadata("level", level)
            if self.config.level_label:
                row.set(self.config.level_label, level)

    def extensions(self, row: weir.LogRow, text: str) -> None:
        for key, value in EXTENSION.findall(text):
            if key == "rt" and value.isdigit():
                row.set_timestamp(int(value) * 1_000_000)
            elif key in self.keep:
                row.set_metadata(key, plain(value))
