"""The ledger on disk, beside the index of events.

DATA_DIR/index/ledger.json        the manifest; replaced in one step
DATA_DIR/index/ledger-NAME/*.npy  the columns of each table, memory-mapped and so shared by all processes
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from analytics.columns import column_open
from analytics.index.files import LEDGER, index_folder, manifest_write, sweep
from analytics.ledger.columns import Orders, Payments, Places

FORMAT = 2
KIND = "ledger"


class Tables(NamedTuple):
    places: Places
    payments: Payments
    orders: Orders


TYPES = (Places, Payments, Orders)


@dataclass(frozen=True, slots=True)
class LedgerManifest:
    """Up to which row of each table the ledger knows everything (see LedgerMarks); what came later is read from the
    database."""

    folder: str
    newest: int
    newest_key: str
    moves: int
    memberships: int
    orders: int
    format: int = FORMAT


def ledger_manifest() -> LedgerManifest | None:
    """The manifest in force; nothing when there is none, or one that this version does not know."""
    try:
        values = json.loads((index_folder() / LEDGER).read_text(encoding="utf-8"))
        return LedgerManifest(**values) if values.get("format") == FORMAT else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def ledger_switch(manifest: LedgerManifest) -> None:
    manifest_write(LEDGER, manifest)
    sweep([KIND], keep={manifest.folder})


def tables_write(folder: Path, tables: Tables) -> None:
    for name, table in tables._asdict().items():
        for column, values in table._asdict().items():
            np.save(folder / f"{name}-{column}.npy", values)


class _Opened:
    """What was read from last: opening it maps its files. All threads read the same; two that open it at once both have
    a whole one."""

    last: tuple[LedgerManifest, Tables] | None = None


_opened = _Opened()


def tables_open(manifest: LedgerManifest) -> Tables:
    """Raises OSError or ValueError when files are missing or damaged."""
    last = _opened.last
    if last is None or last[0] != manifest:
        folder = index_folder() / manifest.folder
        tables = [_table(folder, name, kind) for name, kind in zip(Tables._fields, TYPES, strict=True)]
        last = _opened.last = (manifest, Tables(*tables))
    return last[1]


def _table(folder: Path, name: str, kind: Any) -> Any:
    table = kind(*(column_open(folder / f"{name}-{column}.npy") for column in kind._fields))
    if len(table.offsets) != len(table.members) + 1 or {len(column) for column in table[2:]} != {
        int(table.offsets[-1])
    }:
        raise ValueError("columns of different lengths")
    return table
