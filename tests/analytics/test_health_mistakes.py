"""The six mistakes, each found in the figures that show it, and not found where there are none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from activity.services import event_key
from analytics.health.counting import FIGURES
from analytics.health.days import ONE, local_day
from analytics.health.mistakes import mistakes_of, spread
from analytics.health.policy import HealthPolicy
from analytics.models import DailyGroupStat
from campaigns.posts.services import Schedule, post_create
from delivery.models import Delivery, State
from groups.models import GroupPlan, Rule, RuleSet, RuleSetVersion
from members.ingestion import IncomingEvent, ingest
from members.models import Member, Violation
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
TODAY = local_day(NOW)
WHOLE = {
    "pain_point": "不会选书",
    "usage_scene": "每天打卡",
    "promise": "21 天见变化",
    "slogan": "读出好语文",
    "internal_slogan": "先养习惯",
    "community_type": "knowledge",
}


def check(group, policy=HealthPolicy()):  # noqa: B008
    group.refresh_from_db()
    return {item.code: item for item in mistakes_of([group], day=TODAY, policy=policy)[group.pk]}


def stat(group, days_ago=0, **figures):
    zero = dict.fromkeys(
        FIGURES,
        0,
    )
    DailyGroupStat.objects.create(group=group, day=TODAY - days_ago * ONE, **{**zero, **figures})


def write(group, counts):
    """So many messages by each of several members."""
    events = [
        IncomingEvent(
            event_key("w", f"{group.pk} {who} {number}"),
            f"w{who}",
            group.external_id,
            "message",
            NOW - number * DAY / 100,
        )
        for who, count in enumerate(counts)
        for number in range(count)
    ]
    ingest(events=events, source="w", by=None, create_missing=True, now=NOW)
    stat(group, messages=sum(counts))


def test_a_new_group_has_no_data_for_nearly_everything(cast):
    found = check(make_group(**WHOLE))
    assert {code: item.verdict for code, item in found.items()} == {
        "no_focus": "look",
        "wrong_centre": "no_data",
        "size": "no_data",
        "spam": "no_data",
        "selling": "no_data",
        "irregular": "no_data",
    }
    assert found["wrong_centre"].words == "No messages in four weeks."


def test_no_focus_names_what_is_missing(cast):
    group = make_group(**{**WHOLE, "slogan": "", "promise": ""})
    GroupPlan.objects.create(
        group=group, motivation="growth", mix={"useful": 100}, days=[], noise_ceiling=80, starts_on=TODAY
    )
    found = check(group)["no_focus"]
    assert (found.verdict, found.figures["missing"]) == ("look", ["promise", "slogan"])
    assert found.words == "The positioning lacks: promise to members, slogan."
    group.slogan, group.promise = "读", "变化"
    group.save()
    assert check(group)["no_focus"].verdict == "ok"


def test_a_few_who_carry_a_group_alone_are_a_wrong_centre(cast):
    group = make_group()
    write(group, [20, 15, 10, 5, 5, 5])
    found = check(group)["wrong_centre"]
    assert (found.verdict, found.figures["top_three_percent"]) == ("look", 75.0)
    stat(group, 1, staff=60, posts=24)
    assert check(group)["wrong_centre"].verdict == "ok"


def test_members_who_come_while_fewer_are_active_are_size_over_quality(cast):
    group = make_group()
    stat(group, 40, joined=100, active=280)
    stat(group, 3, joined=15, active=280)
    assert check(group)["size"].verdict == "ok"
    stat(group, 2, joined=35, active=0)
    found = check(group)["size"]
    assert (found.verdict, found.figures["members"], found.figures["members_before"]) == ("look", 150, 100)
    assert (found.figures["active_percent"], found.figures["active_percent_before"]) == (6.7, 10.0)


def test_advertising_is_spam_and_so_are_too_many_posts(cast):
    rules = RuleSet.objects.create(name="群规", created_at=NOW)
    version = RuleSetVersion.objects.create(rule_set=rules, number=1, state="published", created_at=NOW)
    rule = Rule.objects.create(version=version, code="ads", category="advertising", text="不发广告")
    group = make_group(rule_set=rules)
    write(group, [50, 50])
    member = Member.objects.first()

    def breach(number, state="confirmed"):
        for _time in range(number):
            Violation.objects.create(
                member=member,
                group=group,
                rule=rule,
                source="staff",
                at=NOW,
                noted_at=NOW,
                state=state,
                strike_until=NOW,
            )

    breach(2)
    breach(9, state="dismissed")
    assert (check(group)["spam"].verdict, check(group)["spam"].figures["advertising_percent"]) == ("ok", 2.0)
    breach(1)
    assert check(group)["spam"].verdict == "look"
    quiet = make_group()
    stat(quiet, posts=4 * 28)
    assert check(quiet)["spam"].verdict == "ok"
    stat(quiet, 1, posts=3)
    assert check(quiet)["spam"].verdict == "look"


def sent(group, by, title, minutes, *, repeats=True, count=5):
    """A post that left `count` times, so many minutes after its time."""
    schedule = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start=f"{TODAY - 10 * ONE}T09:00")
    if not repeats:
        schedule = Schedule(timezone="Asia/Shanghai", at=NOW - 5 * DAY)
    post = post_create(by=by, now=NOW - 10 * DAY, title=title, body="正文", groups=[group], schedule=schedule)
    rows = Delivery.objects.filter(post_id=post.pk).order_by("due_at")[:count]
    for row, late in zip(rows, minutes * count, strict=False):
        row.state, row.settled_at = State.SENT, row.due_at + timedelta(minutes=late)
        row.save()
    stat(group, group.daily_stats.count(), posts=len(rows))


def test_posts_that_mostly_sell_exploit_the_group(cast):
    group = make_group()
    sent(group, cast.lin, "早安书单", [0], count=4)
    assert check(group)["selling"].verdict == "ok"
    sent(group, cast.lin, "限时优惠 Buy NOW", [0], count=5)
    found = check(group)["selling"]
    assert (found.verdict, found.figures) == ("look", {"selling_posts": 5, "posts": 9, "percent": 55.6})
    assert check(group, HealthPolicy(selling_words=["团购"]))["selling"].verdict == "ok"


def test_repeated_posts_that_leave_at_odd_times_are_irregular(cast):
    punctual, late = make_group(), make_group()
    sent(punctual, cast.lin, "早安", [0])
    sent(late, cast.lin, "早安", [0, 200])
    assert check(punctual)["irregular"].verdict == "ok"
    found = check(late)["irregular"]
    assert found.verdict == "look"
    assert found.figures["spread_minutes"] > 90


def test_a_single_post_has_no_usual_time(cast):
    group = make_group()
    sent(group, cast.lin, "通知", [0], repeats=False)
    assert check(group)["irregular"].verdict == "no_data"


@pytest.mark.parametrize(
    ("series", "minutes"),
    [
        ([[540] * 5], 0),
        ([[530, 550] * 3], 10),
        ([[1430, 10] * 3], 10),  # across midnight
        ([[540] * 3, [1200] * 3], 0),  # each post has a usual time of its own
        ([[540] * 4], None),
    ],
)
def test_the_spread_is_measured_on_the_clock(series, minutes):
    assert spread(series) == (None if minutes is None else pytest.approx(minutes, abs=0.05))


def test_the_queries_do_not_grow_with_the_groups(cast, django_assert_num_queries):
    groups = [make_group() for _number in range(20)]
    for group in groups:
        stat(group, messages=60)
    with django_assert_num_queries(6):
        mistakes_of(groups[:2], day=TODAY, policy=HealthPolicy())
    with django_assert_num_queries(6):
        mistakes_of(groups, day=TODAY, policy=HealthPolicy())


def test_only_the_four_weeks_up_to_the_day_count(cast):
    group = make_group()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    event = IncomingEvent(event_key("o", "1"), "w1", group.external_id, "message", at)
    ingest(events=[event], source="o", by=None, create_missing=True, now=NOW)
    stat(group, 28, messages=100)
    assert check(group)["wrong_centre"].verdict == "no_data"
    stat(group, 27, messages=100)
    assert check(group)["wrong_centre"].verdict == "ok"
