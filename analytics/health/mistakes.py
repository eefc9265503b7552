"""The six mistakes that communities are known to die of, looked for in what a group did in the last four weeks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from activity.models import BuiltInKind, Event
from analytics.health.counting import SENT_LATE
from analytics.health.days import ONE, Days, zone
from analytics.health.models import DailyGroupStat
from analytics.health.policy import HealthPolicy
from campaigns.posts.models import Post
from delivery.models import Delivery, Message, State
from groups.models import Category, Group, GroupPlan
from groups.services import positioning_missing
from members.models import Violation

DAYS = 28
LEAST_MESSAGES = 50  # below it a share of messages says nothing
LEAST_POSTS = 4
LEAST_PUSHES = 5
TOP = 3
GREW = 1.2
SHRANK = 0.8
DAY_MINUTES = 24 * 60

OK, LOOK, NO_DATA = "ok", "look", "no_data"
VERDICTS = {
    OK: pgettext_lazy("mistake", "Fine"),
    LOOK: pgettext_lazy("mistake", "Have a look"),
    NO_DATA: pgettext_lazy("mistake", "No data"),
}
NAMES = {
    "no_focus": gettext_lazy("No focus"),
    "wrong_centre": gettext_lazy("Wrong decentralisation"),
    "size": gettext_lazy("Size over quality"),
    "spam": gettext_lazy("Spam"),
    "selling": gettext_lazy("Over-exploitation"),
    "irregular": gettext_lazy("Irregular push times"),
}


@dataclass(frozen=True)
class Mistake:
    """One line of the checklist: `verdict` is ok, look or no_data; `figures` say why, `words` in the reader's words."""

    code: str
    verdict: str
    figures: dict[str, Any]
    words: str

    @property
    def name(self) -> str:
        return str(NAMES[self.code])

    @property
    def verdict_words(self) -> str:
        return str(VERDICTS[self.verdict])


@dataclass(frozen=True)
class _Facts:
    """What is known of one group over the window, and of its activity in the window before."""

    messages: int
    staff: int
    posts: int
    members: int
    members_before: int
    active: int
    active_before: int
    has_past: bool
    top: int
    advertising: int
    off_topic: int
    has_rules: bool
    has_plan: bool
    selling: int
    spread: float | None
    pushes: int


def mistakes_of(groups: Sequence[Group], *, day: date, policy: HealthPolicy) -> dict[int, list[Mistake]]:
    """The checklist of each group as of the end of `day`. A constant number of queries."""
    facts = _facts(groups, day, policy)
    checks = (_no_focus, _wrong_centre, _size, _spam, _selling, _irregular)
    return {group.pk: [check(group, facts[group.pk], policy) for check in checks] for group in groups}


def _no_focus(group: Group, facts: _Facts, policy: HealthPolicy) -> Mistake:
    missing = positioning_missing(group)
    share = _percent(facts.off_topic, facts.messages)
    words = []
    if missing:
        labels = [str(getattr(Group._meta.get_field(name), "verbose_name", name)) for name in missing]
        words.append(_("The positioning lacks: %(fields)s.") % {"fields": ", ".join(labels)})
    if not facts.has_plan:
        words.append(_("No content mix is laid down for it."))
    off_topic = facts.messages >= LEAST_MESSAGES and share > policy.off_topic
    if facts.off_topic:
        words.append(
            _("%(share)s%% of the messages were off topic; %(limit)d%% is too much.")
            % {"share": f"{share:g}", "limit": policy.off_topic}
        )
    if not words:
        words.append(_("The positioning is complete and a content mix is laid down."))
    figures = {"missing": missing, "has_content_mix": facts.has_plan, "off_topic_percent": share}
    return Mistake("no_focus", LOOK if missing or off_topic or not facts.has_plan else OK, figures, " ".join(words))


def _wrong_centre(_group: Group, facts: _Facts, policy: HealthPolicy) -> Mistake:
    share = _percent(facts.top, facts.messages)
    daily = round((facts.staff + facts.posts) / DAYS, 1)
    figures = {"top_three_percent": share, "interactions_a_day": daily, "messages": facts.messages}
    if facts.messages < LEAST_MESSAGES:
        return Mistake("wrong_centre", NO_DATA, figures, _too_few(facts.messages))
    words = _(
        "Three members wrote %(share)s%% of the messages, and staff interacted %(daily)s times a day; it is wrong when "
        "the few carry %(limit)d%% and staff stay below %(floor)d."
    ) % {"share": f"{share:g}", "daily": f"{daily:g}", "limit": policy.top_share, "floor": policy.floor}
    wrong = share >= policy.top_share and daily < policy.floor
    return Mistake("wrong_centre", LOOK if wrong else OK, figures, words)


def _size(_group: Group, facts: _Facts, _policy: HealthPolicy) -> Mistake:
    now, before = (
        _percent(facts.active, DAYS * facts.members),
        _percent(facts.active_before, DAYS * facts.members_before),
    )
    figures = {
        "members": facts.members,
        "members_before": facts.members_before,
        "active_percent": now,
        "active_percent_before": before,
    }
    if not facts.has_past or not facts.members_before:
        return Mistake("size", NO_DATA, figures, _("There are no four weeks before to compare with."))
    words = _(
        "%(members)d members, four weeks before %(before)d; on an average day %(now)s%% of them are active, before it "
        "was %(then)s%%."
    ) % {"members": facts.members, "before": facts.members_before, "now": f"{now:g}", "then": f"{before:g}"}
    wrong = facts.members >= facts.members_before * GREW and now < before * SHRANK
    return Mistake("size", LOOK if wrong else OK, figures, words)


def _spam(_group: Group, facts: _Facts, policy: HealthPolicy) -> Mistake:
    share = _percent(facts.advertising, facts.messages)
    daily = round(facts.posts / DAYS, 1)
    figures = {"advertising_percent": share, "posts_a_day": daily, "quota": policy.post_quota}
    words = []
    counts_ads = facts.has_rules and facts.messages >= LEAST_MESSAGES
    if counts_ads:
        words.append(
            _("%(share)s%% of the messages were advertising; %(limit)d%% is too much.")
            % {"share": f"{share:g}", "limit": policy.advertising}
        )
    if facts.posts:
        words.append(
            _("%(daily)s posts a day from us; more than %(quota)d is too much.")
            % {"daily": f"{daily:g}", "quota": policy.post_quota}
        )
    if not words:
        return Mistake("spam", NO_DATA, figures, _("No rules look at the messages, and nothing was posted."))
    wrong = (counts_ads and share > policy.advertising) or daily > policy.post_quota
    return Mistake("spam", LOOK if wrong else OK, figures, " ".join(words))


def _selling(_group: Group, facts: _Facts, policy: HealthPolicy) -> Mistake:
    share = _percent(facts.selling, facts.posts)
    figures = {"selling_posts": facts.selling, "posts": facts.posts, "percent": share}
    if facts.posts < LEAST_POSTS:
        few = ngettext("Only %(posts)d post in four weeks.", "Only %(posts)d posts in four weeks.", facts.posts)
        words = few % {"posts": facts.posts} if facts.posts else _("Nothing was posted in four weeks.")
        return Mistake("selling", NO_DATA, figures, words)
    words = _("%(selling)d of %(posts)d posts sell something; more than %(limit)d%% wears members out.") % {
        "selling": facts.selling,
        "posts": facts.posts,
        "limit": policy.selling,
    }
    return Mistake("selling", LOOK if share > policy.selling else OK, figures, words)


def _irregular(_group: Group, facts: _Facts, policy: HealthPolicy) -> Mistake:
    figures = {"spread_minutes": facts.spread, "posts": facts.pushes}
    if facts.spread is None:
        return Mistake("irregular", NO_DATA, figures, _("Too few posts repeat to have a usual time."))
    words = _(
        "Repeated posts go out %(spread)d minutes off their usual time of day; more than %(limit)d breaks the habit."
    ) % {"spread": facts.spread, "limit": policy.spread_minutes}
    return Mistake("irregular", LOOK if facts.spread > policy.spread_minutes else OK, figures, words)


def _too_few(messages: int) -> str:
    few = ngettext("Only %(messages)d message in four weeks.", "Only %(messages)d messages in four weeks.", messages)
    return few % {"messages": messages} if messages else _("No messages in four weeks.")


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _facts(groups: Sequence[Group], day: date, policy: HealthPolicy) -> dict[int, _Facts]:
    numbers = [group.pk for group in groups]
    days = Days(day - (DAYS - 1) * ONE, day)
    sums = _sums(numbers, days)
    members = _members_at(numbers, [day, days.first - ONE])
    top = _top_writers(numbers, days)
    broken = _violations(numbers, days)
    posts = _posts(numbers, days, policy)
    planned = set(GroupPlan.objects.filter(group__in=numbers).values_list("group_id", flat=True))
    return {
        group.pk: _Facts(
            messages=sums[group.pk]["messages"],
            staff=sums[group.pk]["staff"],
            posts=sums[group.pk]["posts"],
            members=members[day].get(group.pk, 0),
            members_before=members[days.first - ONE].get(group.pk, 0),
            active=sums[group.pk]["active"],
            active_before=sums[group.pk]["active_before"],
            has_past=sums[group.pk]["active_before"] > 0,
            top=top.get(group.pk, 0),
            advertising=broken.get((group.pk, Category.ADVERTISING.value), 0),
            off_topic=broken.get((group.pk, Category.OFF_TOPIC.value), 0),
            has_rules=group.rule_set_id is not None,
            has_plan=group.pk in planned,
            **posts[group.pk],
        )
        for group in groups
    }


def _sums(numbers: Collection[int], days: Days) -> dict[int, dict[str, int]]:
    now, then = Q(day__gte=days.first), Q(day__lt=days.first)
    rows = (
        DailyGroupStat.objects.filter(group__in=numbers, day__gt=days.first - (DAYS + 1) * ONE, day__lte=days.last)
        .order_by()
        .values("group")
        .annotate(
            **{f"sum_{name}": Sum(name, filter=now, default=0) for name in ("messages", "staff", "posts", "active")},
            sum_active_before=Sum("active", filter=then, default=0),
        )
        .values_list("group", "sum_messages", "sum_staff", "sum_posts", "sum_active", "sum_active_before")
    )
    names = ("messages", "staff", "posts", "active", "active_before")
    found = {group: dict(zip(names, sums, strict=True)) for group, *sums in rows}
    return {number: found.get(number, dict.fromkeys(names, 0)) for number in numbers}


def _members_at(numbers: Collection[int], days: Sequence[date]) -> dict[date, dict[int, int]]:
    """Members present at the end of each of these days: all who came less all who went."""
    change = {
        f"at_{number}": Sum(F("joined") - F("left"), filter=Q(day__lte=day), default=0)
        for number, day in enumerate(days)
    }
    stats = DailyGroupStat.objects.filter(group__in=numbers).order_by().values("group").annotate(**change)
    rows = list(stats.values_list("group", *change))
    return {day: {row[0]: row[number] for row in rows} for number, day in enumerate(days, start=1)}


def _top_writers(numbers: Collection[int], days: Days) -> dict[int, int]:
    """The messages of the three who wrote most."""
    rows = (
        Event.objects.filter(group_id__in=numbers, kind__slug=BuiltInKind.MESSAGE, at__gte=days.start, at__lt=days.end)
        .order_by()
        .values("group_id", "member_id")
        .annotate(n=Count("pk"))
        .values_list("group_id", "n")
    )
    written: dict[int, list[int]] = defaultdict(list)
    for group, count in rows:
        assert group is not None
        written[group].append(count)
    return {group: sum(sorted(counts)[-TOP:]) for group, counts in written.items()}


def _violations(numbers: Collection[int], days: Days) -> dict[tuple[int, str], int]:
    rows = (
        Violation.objects.held()
        .filter(group__in=numbers, at__gte=days.start, at__lt=days.end)
        .order_by()
        .values("group", "rule__category")
        .annotate(n=Count("pk"))
    )
    return {(row["group"], row["rule__category"]): row["n"] for row in rows}


def _posts(numbers: Collection[int], days: Days, policy: HealthPolicy) -> dict[int, dict[str, Any]]:
    sent = (
        Delivery.objects.filter(
            group_id__in=numbers,
            state=State.SENT,
            due_at__gte=days.start - SENT_LATE,
            settled_at__gte=days.start,
            settled_at__lt=days.end,
        )
        .order_by()
        .values_list("group_id", "post_id", "settled_at", "message_id")
    )
    rows = list(sent)
    selling = _selling_messages({row[3] for row in rows}, policy.selling_words)
    repeated = set(
        Post.objects.filter(pk__in={row[1] for row in rows if row[1]}).exclude(rrule="").values_list("pk", flat=True)
    )
    sells: dict[int, int] = defaultdict(int)
    times: dict[int, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for group, post, at, message in rows:
        sells[group] += message in selling
        if post in repeated and at is not None:
            local = at.astimezone(zone())
            times[group][post].append(local.hour * 60 + local.minute + local.second / 60)
    return {
        number: {
            "selling": sells[number],
            "spread": spread(times[number].values()),
            "pushes": sum(map(len, times[number].values())),
        }
        for number in numbers
    }


def _selling_messages(numbers: Collection[int], words: Sequence[str]) -> set[int]:
    found = set()
    lowered = [word.casefold() for word in words if word.strip()]
    for number, title, text in Message.objects.filter(pk__in=numbers).values_list("pk", "title", "text"):
        said = f"{title}\n{text}".casefold()
        if any(word in said for word in lowered):
            found.add(number)
    return found


def spread(series: Collection[Sequence[float]]) -> float | None:
    """How far times of day (minutes) lie from the usual time of their own series, in minutes: the root of the mean
    square of the distances, across midnight where that is shorter. The usual time is the circular mean (Mardia and
    Jupp, Directional Statistics, 2.2). None for fewer than LEAST_PUSHES times."""
    distances: list[float] = []
    for times in series:
        angles = [2 * math.pi * minute / DAY_MINUTES for minute in times]
        mean = math.atan2(sum(map(math.sin, angles)), sum(map(math.cos, angles)))
        distances += [math.remainder(angle - mean, 2 * math.pi) for angle in angles]
    if len(distances) < LEAST_PUSHES:
        return None
    root = math.sqrt(sum(distance**2 for distance in distances) / len(distances))
    return round(root * DAY_MINUTES / (2 * math.pi), 1)
