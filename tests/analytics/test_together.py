"""Several questions in one pass: each is answered as it is by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics import kernels_periods
from analytics.columns import Columns, events_of
from analytics.queries.activity import ActivityQuery, Metric
from analytics.queries.base import EventSpec, Where, lens_of
from analytics.queries.periods import midnight
from analytics.queries.together import computed
from analytics.sources import Held

pytestmark = pytest.mark.once

NOW = datetime(2026, 4, 1, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")  # the clocks change on 29 March
QUARTER = 6 * 3_600_000
START = midnight(datetime(2026, 3, 20).date(), ZONE)
KINDS, CHANNELS, GROUPS = ("", "message", "left"), ("", "c1", "c2"), ("", "g1", "g2")


class Names:
    def kind(self, slug):
        return KINDS.index(slug) if slug in KINDS else None

    def known(self, attribute):
        return dict(enumerate(CHANNELS if attribute == "channel" else GROUPS))

    def having(self, attribute, values):
        return [number for number, value in self.known(attribute).items() if value in values]

    def members(self, ids):
        return [str(number) for number in ids]


@st.composite
def sources(draw):
    """Few members, some with many events and some with none that may be looked at."""
    # In a few days the first instant of a period is often one of several of a member.
    first, last = draw(st.sampled_from([(-8, 60), (0, 8), (36, 44)]))
    event = st.tuples(
        st.integers(1, 4), st.integers(first, last), st.integers(1, 2), st.integers(0, 2), st.integers(0, 2)
    )
    rows = draw(st.lists(event, min_size=8, max_size=40))
    member, at, kind, group, channel = np.array(sorted(rows, key=lambda row: row[:2]), np.int64).T
    columns = Columns.build(member, START + at * QUARTER, kind, group, channel)
    size = len(columns.members)
    marks = st.lists(st.booleans(), min_size=size, max_size=size).map(lambda flags: np.array(flags, np.bool_))
    none = np.zeros(0, np.bool_)
    allow = draw(st.sampled_from([none, none, np.array([False, True, True]), np.array([False, False, True])]))
    own = draw(marks) if len(allow) and draw(st.booleans()) else none
    return Held([columns.shard(skip=draw(st.just(none) | marks), own=own, allow=allow)])


def asked(metric, first, last, *, interval, event, where, cumulative):
    question = {
        "range": {"from": f"2026-03-{first}", "to": f"2026-03-{last}"},
        "metric": metric,
        "interval": interval,
        "event": event,
        "filter": where,
        "cumulative": cumulative and metric in (Metric.TOTAL, Metric.UNIQUE, Metric.STICKINESS),
    }
    return ActivityQuery.read(question, zone=ZONE, now=NOW)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(sources(), st.data())
def test_each_question_is_answered_as_by_itself(source, data):
    event = data.draw(st.sampled_from([{}, {}, {"kind": "message"}, {"kind": "never"}]))
    where = data.draw(st.sampled_from([{}, {}, {"channel": ["c1"]}, {"group": ["g2", ""]}]))
    queries = [
        asked(
            data.draw(st.sampled_from(list(Metric))),
            *data.draw(st.sampled_from([(20, 24), (25, 31), (20, 31), (28, 29)])),
            interval=data.draw(st.sampled_from(["day", "week", "month"])),
            event=event,
            where=where,
            cumulative=data.draw(st.booleans()),
        )
        for _number in range(data.draw(st.integers(1, 4)))
    ]
    names = Names()
    together = [result.all for result in computed(queries, source, names, now=NOW)]
    assert together == [query.compute(source, names, now=NOW).all for query in queries]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(sources(), st.sampled_from([Metric.TOTAL, Metric.UNIQUE]), st.booleans(), st.sampled_from(["channel", "group"]))
def test_the_figures_of_all_are_the_same_with_a_breakdown(source, metric, cumulative, by):
    asked_of = {"range": {"from": "2026-03-20", "to": "2026-03-31"}, "metric": metric, "cumulative": cumulative}
    plain, split = (
        ActivityQuery.read({**asked_of, **more}, zone=ZONE, now=NOW).compute(source, Names(), now=NOW)
        for more in ({}, {"breakdown": {"by": by}})
    )
    assert split.all == plain.all


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(sources(), st.integers(0, 4))
def test_member_days_are_distinct_members_of_each_day_by_channel_and_group(source, later):
    edges = np.array([midnight(datetime(2026, 3, day).date(), ZONE) for day in range(27, 32)], np.int64)
    nothing = Where({})
    lens = lens_of([EventSpec(None, nothing)], nothing, Names(), since=int(edges[0]), until=int(edges[-1]))
    [shard] = source.held
    codes = np.array([0, 1, 2], np.int32)
    by_channel, by_group = kernels_periods.member_days(shard, lens, edges, later, codes, 3, 3, KINDS.index("left"))
    seen = events_of([shard])
    member = np.repeat(seen.members, np.diff(seen.offsets))
    day = np.searchsorted(edges, seen.at, side="right") - 1
    inside = (day >= 0) & (day < len(edges) - 1)
    for place in range(3):
        through = inside & (seen.channel == place)
        there = inside & (seen.group == place) & (seen.kind != KINDS.index("left")) & (place > 0)
        for found, those in ((by_channel, through), (by_group, there)):
            days = np.unique(np.stack([day[those], member[those]]), axis=1)[0]
            assert found[place].tolist() == [int((days < later).sum()), int((days >= later).sum())]
