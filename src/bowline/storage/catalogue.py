"""The packaged indicator catalogue from disk, narrowed by an environment's own file.

The YAML files beside `core/signals` are the only truth. What it must never do is answer from the
compiled copy when that copy is not of exactly these files.

1. Hash the YAML texts.
2. If `compiled.json` carries that hash, its entries were checked when it was written: take them.
   Reading and checking the YAML takes 0.2 s, which every start of a backtest would pay.
3. Otherwise read the YAML and check every entry.
4. Narrow by the environment's file, if there is one.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from bowline.core.errors import BadInput, NotFound
from bowline.core.signals import Catalogue, Indicator

COMPILED = "compiled.json"


class _Compiled(msgspec.Struct, frozen=True):
    """Checked entries and the SHA-256 of the texts they came from."""

    sha256: str
    entries: tuple[Indicator, ...]


def read_catalogue(own: Path | None = None) -> Catalogue:
    """The packaged catalogue, narrowed by the YAML file `own`.

    Raises NotFound if `own` cannot be read, BadInput if it is not YAML or does not narrow.
    """
    catalogue = _packaged()
    if own is None:
        return catalogue
    try:
        text = own.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(
            f"cannot read the indicator bounds {own}: {error.strerror}",
            hint="BOWLINE_INDICATORS must name a readable YAML file, or be unset",
        ) from error
    return catalogue.narrow(_read_yaml(text, str(own)))


def compile_catalogue() -> bytes:
    """What `compiled.json` must hold for the YAML files as they are."""
    texts = _texts()
    compiled = _Compiled(_digest(texts), _build(texts).entries)
    return msgspec.json.format(msgspec.json.encode(compiled), indent=1) + b"\n"


def _packaged() -> Catalogue:
    texts = _texts()
    compiled = files("bowline.core.signals") / "entries" / COMPILED
    if compiled.is_file():
        found = msgspec.json.decode(compiled.read_bytes(), type=_Compiled)
        if found.sha256 == _digest(texts):
            return Catalogue(found.entries)
    return _build(texts)


def _build(texts: dict[str, str]) -> Catalogue:
    entries: list[object] = []
    for name, text in texts.items():
        entries.extend(_read_yaml(text, name).get("indicators", []))
    return Catalogue.build({"indicators": entries})


def _texts() -> dict[str, str]:
    folder = files("bowline.core.signals") / "entries"
    parts = sorted((each for each in folder.iterdir()), key=lambda each: each.name)
    return {p.name: p.read_text(encoding="utf-8") for p in parts if p.name.endswith(".yaml")}


def _digest(texts: dict[str, str]) -> str:
    digest = hashlib.sha256()
    for name, text in texts.items():
        digest.update(f"{name}:{len(text)}:{text}".encode())
    return digest.hexdigest()


def _read_yaml(text: str, name: str) -> dict[str, Any]:
    # here, because the compiled catalogue does without it
    import yaml  # noqa: PLC0415

    try:
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise BadInput(f"{name} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"{name} is not a mapping", hint="expected a document with 'indicators:'")
    return document
