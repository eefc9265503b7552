"""The agreed meaning of every number, as small worlds with the answers they must give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "data" / "conformance"
CASES: list[dict[str, Any]] = [
    case for name in ("funnels", "retention", "activity") for case in json.loads((FOLDER / f"{name}.json").read_text())
]


def question(case):
    """What is asked, with the members of each step where the case names them."""
    lists = isinstance(case["expected"].get("members"), list)
    return {**case["ask"], **({"include": ["members"]} if lists else {})}


def check(case, answer):
    """Compares an answer with all that the case expects of it."""
    answer = json.loads(json.dumps(answer))
    for name, want in case["expected"].items():
        got = answer[name]
        if name == "periods":
            got = [period[:16] for period in got]
        if name == "members" and isinstance(want, list):
            want, got = [sorted(step) for step in want], [sorted(step) for step in got]
        if name == "breakdown":
            assert set(got) == set(want), case["id"]
            got = {label: {field: got[label][field] for field in want[label]} for label in want}
        if name == "series":
            got = {field: got[field] for field in want}
        assert got == _approximately(want), (case["id"], name)


def _approximately(value):
    if isinstance(value, dict):
        return {name: _approximately(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_approximately(inner) for inner in value]
    return pytest.approx(value, abs=1e-3) if isinstance(value, float) else value


def send_all(ask):
    """Every case's events, under names of its own."""
    events = [
        {"id": f"{case['id']}-{i}", "member": f"{case['id']}-{member}", "kind": kind, "at": at}
        | ({"channel": channel} if channel else {})
        | ({"group": group} if group else {})
        for case in CASES
        for i, (member, kind, at, channel, group) in enumerate(case["events"])
    ]
    for first in range(0, len(events), 500):
        answer = ask("events", {"create_missing": True, "events": events[first : first + 500]})
        assert not answer["rejected"]


def check_all(ask):
    """Asks every case's question over HTTP, of its own members."""
    for case in CASES:
        own = f"{case['id']}-"
        members = sorted({own + event[0] for event in case["events"]}) or ["nobody"]
        answer = ask(f"reports/{case['report']}", {**question(case), "members": members})
        if isinstance(answer.get("members"), list):
            answer["members"] = [[name.removeprefix(own) for name in step] for step in answer["members"]]
        check(case, answer)
