"""How the cost of a report grows with the events: benchmarks/analytics.py at several sizes, on one chart.

    pip install -r benchmarks/requirements.txt
    python benchmarks/sizes.py docs/images/cost-by-size.png [--events 1 5 20 50] [--peers clickhouse]

Members and groups grow with the events (50 events a member, 100 members a group). Both axes are logarithmic, so a cost
that grows as the events do is a straight line. Each size is a process of its own. Needs Chromium for the picture.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BASE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BASE))

WIDTH, HEIGHT = 330, 250
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 34, 38
STYLES = {"ours": ("#0b7a4b", ""), "clickhouse": ("#b4520a", "6 4"), "postgresql": ("#2f5fb3", "2 3")}


def measured(millions: float, peers: str, folder: Path) -> dict[str, Any]:
    file, events = folder / f"{millions}.json", round(millions * 1_000_000)
    sizes = ["--events", str(events), "--members", str(events // 50), "--groups", str(max(200, events // 5_000))]
    command = [sys.executable, str(BASE / "benchmarks" / "analytics.py"), *sizes, "--peers", peers, "--json", str(file)]
    subprocess.run(command, check=True)
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def drawn(runs: list[dict[str, Any]], titles: dict[str, str]) -> str:
    """One panel for each question, all with the same axes, as SVG."""
    times = [took for run in runs for sides in run["milliseconds"].values() for took in sides.values()]
    low, high = 10 ** math.floor(math.log10(min(times))), 10 ** math.ceil(math.log10(max(times)))
    first, last = runs[0]["events"], runs[-1]["events"]

    def x(events: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(events / first) / math.log(last / first)

    def y(took: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(took / low) / math.log(high / low)

    panels = []
    for number, (name, title) in enumerate(titles.items()):
        marks = [f'<text x="{LEFT}" y="20" font-weight="600">{title}</text>']
        took = low
        while took <= high:
            label = f"{took:g} ms" if took < 1000 else f"{took / 1000:g} s"
            marks.append(f'<path d="M{LEFT} {y(took):.1f}H{WIDTH - RIGHT}" stroke="#d9dde1"/>')
            marks.append(f'<text x="{LEFT - 6}" y="{y(took) + 4:.1f}" text-anchor="end">{label}</text>')
            took *= 10
        for run in runs:
            at = x(run["events"])
            marks.append(f'<text x="{at:.1f}" y="{HEIGHT - 20}" text-anchor="middle">{run["events"] / 1e6:g}</text>')
        marks.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 4}" text-anchor="middle">million events</text>')
        for side, (colour, dash) in STYLES.items():
            points = [
                (x(run["events"]), y(sides[side])) for run in runs if side in (sides := run["milliseconds"][name])
            ]
            line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            marks.append(
                f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
            )
            marks += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        panels.append(f'<g transform="translate({number % 3 * WIDTH} {number // 3 * HEIGHT})">{"".join(marks)}</g>')
    known = [side for side in STYLES if side in runs[0]["milliseconds"][next(iter(titles))]]
    legend = "".join(
        f'<g transform="translate({LEFT + 150 * place} {2 * HEIGHT + 18})"><path d="M0 0H30" stroke="{STYLES[side][0]}"'
        f' stroke-width="2" stroke-dasharray="{STYLES[side][1]}"/><text x="38" y="4">{side}</text></g>'
        for place, side in enumerate(known)
    )
    size = f'width="{3 * WIDTH}" height="{2 * HEIGHT + 36}"'
    style = 'font-family="sans-serif" font-size="12" fill="#20262d"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{"".join(panels)}{legend}</svg>'


def picture(svg: str, target: Path) -> None:
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 3 * WIDTH, "height": 2 * HEIGHT + 36})
        page.set_content(f"<body style='margin:0;background:#fff'>{svg}</body>")
        page.screenshot(path=target)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--events", type=float, nargs="+", default=[1, 5, 20, 50], help="in millions")
    parser.add_argument("--peers", default="clickhouse")
    asked = parser.parse_args()
    from benchmarks.workload import QUESTIONS

    with tempfile.TemporaryDirectory(prefix="sizes-") as folder:
        runs = [measured(millions, asked.peers, Path(folder)) for millions in sorted(asked.events)]
    picture(drawn(runs, QUESTIONS), asked.picture)


if __name__ == "__main__":
    main()
