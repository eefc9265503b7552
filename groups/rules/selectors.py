"""Rule sets, read for pages and the API."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from django.db.models import Count, Exists, F, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from accounts.models import User
from groups.models import Group
from groups.rules.detection import Hit, detail_words
from groups.rules.detection.values import AnyRule
from groups.rules.models import RuleSet, RuleSetVersion, VersionState


@dataclass(frozen=True)
class Reach:
    """Whom a rule set concerns: the open groups that follow it and the members present in them."""

    groups: int
    members: int
    first: list[Group]


@dataclass(frozen=True)
class Run:
    """A run of text; `rules` are the numbers of the rules that it breaks, from 1."""

    text: str
    rules: tuple[int, ...]


@dataclass(frozen=True)
class HitWords:
    """A hit in words: the number and text of the rule, and what was found."""

    number: int
    text: str
    found: str


def rule_sets_listed(user: User) -> QuerySet[RuleSet]:
    """Those that a person may see, with `in_force` (number), `in_force_at`, `has_draft`, and `group_count` and
    `reach` (members present) of the open groups within their reach."""
    versions = RuleSetVersion.objects.filter(rule_set=OuterRef("pk"))
    in_force = versions.filter(state=VersionState.PUBLISHED)
    groups = (
        Group.objects.visible_to(user)
        .open()
        .filter(rule_set=OuterRef("pk"))
        .order_by()
        .values("rule_set")
        .annotate(found=Count("pk"), present=Sum("member_count"))
    )
    return (
        RuleSet.objects.visible_to(user)
        .select_related("branch")
        .annotate(
            in_force=Subquery(in_force.values("number")[:1]),
            in_force_at=Subquery(in_force.values("published_at")[:1]),
            has_draft=Exists(versions.filter(state=VersionState.DRAFT)),
            group_count=Coalesce(Subquery(groups.values("found")[:1], output_field=IntegerField()), 0),
            reach=Coalesce(Subquery(groups.values("present")[:1], output_field=IntegerField()), 0),
        )
    )


def rule_set_reach(*, rule_set: RuleSet, user: User, first: int = 10) -> Reach:
    """The open groups, within the person's reach, that follow a rule set; two queries."""
    groups = Group.objects.visible_to(user).open().filter(rule_set=rule_set)
    totals = groups.aggregate(groups=Count("pk"), members=Sum("member_count"))
    return Reach(
        totals["groups"], totals["members"] or 0, list(groups.order_by(F("member_count").desc(), "pk")[:first])
    )


def runs(text: str, hits: list[Hit], numbers: dict[str, int]) -> list[Run]:
    """A text cut where hits begin and end, to highlight them."""
    edges = sorted({0, len(text), *(hit.start for hit in hits), *(hit.end for hit in hits)})
    return [
        Run(text[start:end], tuple(sorted({numbers[hit.rule] for hit in hits if hit.start <= start < hit.end})))
        for start, end in pairwise(edges)
    ]


def hit_words(hits: list[Hit], rules: list[AnyRule], texts: dict[str, str]) -> list[HitWords]:
    """Hits in words, each thing found once."""
    by_code = {rule.code: (number, rule) for number, rule in enumerate(rules, start=1)}
    found = [
        HitWords(by_code[hit.rule][0], texts.get(hit.rule, ""), detail_words(by_code[hit.rule][1].detector, hit.detail))
        for hit in hits
    ]
    return list(dict.fromkeys(found))
