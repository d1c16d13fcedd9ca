"""Builds the plugin in a folder: `python -m weir.build [FOLDER] [--out FILE]`. What `weir plugin build` runs.

The plugin is imported here first, natively: what is wrong with it is found now, and the interfaces it has say which world it is
built for. Then componentize-py makes the component, without any WASI.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from . import plugin

EXPORTS = ("series", "samples", "logs", "tick")
"""What a plugin can export, as the contract has it."""
IMPORTS = ("emit", "http", "state", "verdicts")
"""What it can import beside `host`: seen by the import of the SDK's module of that name."""

SDK = Path(__file__).resolve().parent.parent

ENTRY = """from weir import component  # first: it puts its walls before what a component does not have
import plugin

globals().update(component.exports(plugin))
"""


class Told(Exception):
    """What is wrong, as the author is to read it."""


@dataclass
class Found:
    """The interfaces of a plugin."""

    exports: list[str]
    imports: list[str]


def _traced(error: BaseException, sources: Path) -> str:
    """The traceback of what an import raised: the author's lines, and not what imports them."""
    told = traceback.TracebackException.from_exception(error)
    own = [f for f in told.stack if sources in Path(f.filename).resolve().parents]
    # a file that does not parse has run no line
    told.stack = traceback.StackSummary.from_list(own)
    text = "".join(told.format()).replace(f"{sources}{os.sep}", "src/").strip()
    text = text.removeprefix("Traceback (most recent call last):\n") if not own else text
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("weir."):
        text += f"\n({error.name} is not here: what is pure Python goes into requirements.txt, and from there into .venv)"
    return text


def interfaces(sources: Path) -> Found:
    """The interfaces of the plugin whose module is `plugin.py` in a folder."""
    if not (sources / "plugin.py").is_file():
        raise Told("src/plugin.py is missing")
    sys.path.insert(0, str(sources))
    sys.dont_write_bytecode = True
    try:
        module = importlib.import_module("plugin")
    except BaseException as error:  # the author's code may raise anything
        raise Told(_traced(error, sources)) from None
    try:
        kind = plugin.of_module(module)
        found = plugin.interfaces(kind)
        plugin.configuration(kind)
    except TypeError as error:
        raise Told(str(error)) from None
    return Found([n for n in EXPORTS if n in found], [n for n in IMPORTS if f"weir.{n}" in sys.modules])


def world(found: Found, version: str) -> str:
    """A world with these interfaces and no others, so that a plugin needs of weir what it uses."""
    lines = [f"import weir:plugin/{name}@{version};" for name in ["host", *found.imports]]
    lines += [f"export weir:plugin/{name}@{version};" for name in ["lifecycle", *found.exports]]
    return "package weir:built;\n\nworld built {\n" + "".join(f"    {line}\n" for line in lines) + "}\n"


def contract(project: Path) -> Path:
    """The folder of the contract: the newest there is."""
    for wit in (project / "weir/wit", SDK.parent.parent / "wit"):
        folders = [p for p in wit.glob("v*") if p.is_dir()]
        if folders:
            return max(folders, key=lambda p: [int(n) for n in p.name[1:].split(".")])
    raise Told("weir/wit, the contract, is missing")


def build(project: Path, out: Path) -> None:
    """Builds the component of a project."""
    sources, stage = project / "src", project / "build/python"
    found, wit = interfaces(sources), contract(project)
    for name, text in {"entry/weir_app.py": ENTRY, "world/world.wit": world(found, wit.name[1:])}.items():
        path = stage / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [sys.executable, "-c", "import sys, componentize_py; sys.exit(componentize_py.script())"]
    command += ["-q", "-d", str(wit), "-d", str(stage / "world"), "-w", "weir:built/built"]
    command += ["componentize", "--stub-wasi", "-p", str(stage / "entry"), "-p", str(sources), "-p", str(SDK)]
    command += ["weir_app", "-o", str(out)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Told(f"componentize-py: {done.stderr}{done.stdout}".strip())


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m weir.build", description="Builds a plugin of weir.")
    parser.add_argument("folder", nargs="?", default=".", type=Path)
    parser.add_argument("--out", type=Path, help="the component's file; build/plugin.wasm in the folder by default")
    given = parser.parse_args()
    project = given.folder.resolve()
    try:
        build(project, (given.out or project / "build/plugin.wasm").resolve())
    except Told as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
