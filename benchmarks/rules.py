"""How quick the matching of rules is: messages a second, beside a plain loop of `in` and Python's own patterns.

    .venv/bin/python benchmarks/rules.py [--messages 100000] [--keywords 2000] [--patterns 20] [--plain 5000]

The plain loop is run on the first `--plain` messages only, since it is slow. Both sides look for the same words and
patterns; the plain side finds what is written exactly so, without folding, offsets or exceptions. Times are of the
processor (one thread), so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import re
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "community_ops.settings")

import django

django.setup()

from groups.rules.content import starting_content
from groups.rules.detection import Message, RuleSpec, compiled_from, params_check

START = datetime(2026, 3, 1, tzinfo=UTC)


def words(rng: random.Random, count: int) -> list[str]:
    """The shipped keywords, filled up with made-up ones of two to five characters."""
    found = [word for rule in starting_content().rules for word in rule.params.get("words", ())]
    han = sorted({char for word in found for char in word if char >= "一"})
    while len(found) < count:
        found.append("".join(rng.choices(han, k=rng.randint(3, 5))))
    return found[:count]


def patterns(rng: random.Random, count: int) -> list[str]:
    found = [pattern for rule in starting_content().rules for pattern in rule.params.get("patterns", ())]
    stems = [
        "返利",
        "红包",
        "优惠",
        "兼职",
        "贷款",
        "投资",
        "理财",
        "加群",
        "进群",
        "领取",
        "押金",
        "名额",
        "招聘",
        "日结",
    ]
    while len(found) < count:
        found.append(f"{rng.choice(stems)}.{{0,{rng.randint(2, 8)}}}(?:{rng.choice(stems)}|\\d+元)")
    return found[:count]


def messages(rng: random.Random, count: int) -> list[Message]:
    """The labelled messages, put together in twos and threes, from 5,000 members of 100 groups, ten a second."""
    with (ROOT / "tests/data/rules/labelled.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    innocent = [row["text"] for row in rows if not row["expected"] and row["text"]]
    guilty = [row["text"] for row in rows if row["expected"] and row["text"]]
    made = []
    for number in range(count):
        parts = rng.choices(innocent, k=rng.randint(1, 3))
        if rng.random() < 0.03:
            parts.append(rng.choice(guilty))
        member = rng.randrange(5_000)
        made.append(Message(member, member % 100, START + timedelta(seconds=number / 10), "text", "，".join(parts)))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--keywords", type=int, default=2_000)
    parser.add_argument("--patterns", type=int, default=20)
    parser.add_argument("--plain", type=int, default=5_000)
    options = parser.parse_args()
    rng = random.Random(7)
    sought, expressions = words(rng, options.keywords), patterns(rng, options.patterns)
    texts = messages(rng, options.messages)
    length = sum(len(message.text) for message in texts) / len(texts)
    print(f"{len(texts):,} messages of {length:.0f} characters, {len(sought):,} keywords, {len(expressions)} patterns")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    specs = [
        RuleSpec("words", "keywords", params_check("keywords", {"words": sought})),
        RuleSpec("patterns", "pattern", params_check("pattern", {"patterns": expressions})),
    ]
    started = time.process_time()
    compiled = compiled_from(specs)
    print(f"compiled in {(time.process_time() - started) * 1000:.0f} ms")
    compiled.check(texts[0])
    started = time.process_time()
    hit = sum(1 for _message, hits in compiled.check_many(texts) if hits)
    ours = len(texts) / (time.process_time() - started)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"keywords and patterns: {ours:,.0f} messages/s, {hit:,} with hits, {grown:.0f} MB more memory")

    everything = compiled_from([*specs, *(rule for rule in starting_content().rules if rule.detector != "keywords")])
    started = time.process_time()
    hit = sum(1 for _message, hits in everything.check_many(texts) if hits)
    print(
        f"with links, contacts, floods and split questions: {len(texts) / (time.process_time() - started):,.0f} "
        f"messages/s, {hit:,} with hits"
    )

    plain = [message.text for message in texts[: options.plain]]
    started = time.process_time()
    found = sum(1 for text in plain if any(word in text for word in sought))
    loop = len(plain) / (time.process_time() - started)
    started = time.process_time()
    searched = [re.compile(pattern, re.IGNORECASE) for pattern in expressions]
    matched = sum(1 for text in plain if any(pattern.search(text) for pattern in searched))
    by_re = len(plain) / (time.process_time() - started)
    both = 1 / (1 / loop + 1 / by_re)
    print(f"plain `in` loop: {loop:,.0f} messages/s ({found:,} with hits of {len(plain):,})")
    print(f"plain `re`, each pattern by itself: {by_re:,.0f} messages/s ({matched:,} with hits)")
    print(f"ours against the two together: {ours / both:.1f} times")


if __name__ == "__main__":
    main()
