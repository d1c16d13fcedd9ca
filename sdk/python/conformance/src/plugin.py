"""The plugin that `sdk/conformance/README.md` describes."""

import re
from dataclasses import dataclass

import weir
from weir import emit, http, state, verdicts

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
        self.seen = 0
        try:
            emit.samples([emit.Sample({"__name__": "early"}, 1)])
        except emit.Refused:
            weir.log.info("configured")
        else:
            raise ValueError("emitting is possible before the first call")

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
        for row in rows - floats:
            row.set("kind", row.kind.name.lower())
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
        self.seen += len(rows)
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
        for row in rows.containing("do "):
            if row.line.startswith("do "):
                row.set_metadata("answer", done(row.line[3:].split(" "), row.label("job") or ""))

    @weir.tick(every=15)
    def tick(self, now: int, last: bool) -> None:
        ticks = state.get("ticks", 0) + 1
        state.set("ticks", ticks)
        emit.samples(
            [
                emit.Sample({"__name__": "ticks", "last": "yes" if last else "no"}, ticks),
                emit.Sample({"__name__": "tick_seconds"}, now // 1000),
                emit.Sample({"__name__": "lines_seen"}, self.seen),
            ]
        )
        match state.get("tick"):
            case "fail":
                raise weir.Failure("asked to fail in tick")
            case "anew":
                verdicts.forget()


def done(words: list[str], job: str) -> str:
    """Does what the words behind `do ` say and gives the answer. `job` is that of the line's stream."""
    match words:
        case ["emit", name, count]:
            labels = {"__name__": name, "city": "Zürich", "job": job}
            return answer(emit.samples, [emit.Sample(labels | {"row": str(i)}, i + 0.5) for i in range(int(count))])
        case ["emit-at", name, time]:
            return answer(emit.samples, [emit.Sample({"__name__": name}, 1, timestamp=int(time))])
        case ["say", count]:
            return answer(emit.lines, [saying(i, job) for i in range(int(count))])
        case ["say-at", time]:
            return answer(emit.lines, [emit.Line({"said": "größe"}, "at", timestamp=int(time))])
        case ["keep", key, value]:
            return "kept" if state.set(key, value) else "refused"
        case ["keep-large", key, count]:
            return "kept" if state.set_bytes(key, b"x" * int(count)) else "refused"
        case ["look", key]:
            return str(state.get(key, "nothing"))
        case ["forget", key]:
            state.remove(key)
            return "forgotten"
        case ["list", prefix]:
            return ",".join(state.keys(prefix))
        case ["ask", method, url, *body]:
            return asked(method, url, "".join(body))
        case ["ask-briefly", url]:
            return asked("GET", url, timeout=0.05)
        case ["ask-often", count, url]:
            return "over budget" if any(asked("GET", url) == "over budget" for _ in range(int(count))) else "asked"
        case ["must-ask", url]:
            return str(http.get(url).status)
    raise ValueError(f"no such words: {words}")


def saying(i: int, job: str) -> emit.Line:
    return emit.Line({"job": job, "said": "größe"}, f"line {i} 🦭", metadata={"row": str(i)} if i % 2 else {})


def answer(send, records: list) -> str:
    try:
        return "emitted" if send(records) else "budget"
    except emit.Refused:
        return "malformed"


def asked(method: str, url: str, body: str = "", timeout: float | None = None) -> str:
    try:
        answer = http.send(method, url, body, headers=[("x-asked", "conformance"), ("x-asked", "twice")], timeout=timeout)
    except http.Refused as refused:
        return refused.kind.value.replace("-", " ")
    return f"{answer.status} {answer.header('X-Answered')} {answer.text}"
