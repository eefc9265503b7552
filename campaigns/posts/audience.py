"""To which groups a post goes, said by what they are instead of one by one.

An audience is a JSON object whose conditions all hold; within a list one is enough. None at all is every group that the
author may post to:

    {"branches": ["hangzhou", ""], "motivations": ["growth"], "types": ["knowledge"], "tags": ["VIP"],
     "tiers": ["senior"], "identities": ["parent"], "grades": ["Grade 3"], "stages": ["growing", "active"],
     "members_from": 50, "members_to": 300, "name": "reading", "channels": ["webhook"], "except": ["g-17"]}

Branches are named by their code ("" for groups of none), groups by their external id. Whatever it says, it never
reaches further than its author: only active groups within their reach, to which their roles let them post.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import Branch, User
from delivery.models import Kind
from groups.models import CommunityType, Grade, Group, GroupTag, HealthStage, Motivation, Permission, Tier
from groups.querysets import GroupQuerySet

Audience = dict[str, Any]
Choices = list[tuple[str, str | Promise]]
MOST_VALUES = 200
MOST_EXCEPTIONS = 1000
LARGEST_GROUP = 1_000_000


@dataclass(frozen=True)
class Condition:
    """A list of values of which a group has one. `choices` lists those that `user` may choose."""

    key: str
    label: str | Promise
    lookup: Callable[[Sequence[str]], Q]
    choices: Callable[[User | None], Choices]


def _in(column: str) -> Callable[[Sequence[str]], Q]:
    return lambda values: Q(**{f"{column}__in": list(values)})


def _fixed(choices: Iterable[tuple[str, str | Promise]]) -> Callable[[User | None], Choices]:
    return lambda user: [(value, label) for value, label in choices if value]


def _branch_q(values: Sequence[str]) -> Q:
    found = Q(branch__code__in=[value for value in values if value])
    return found | Q(branch=None) if "" in values else found


def _branches(user: User | None) -> Choices:
    branches = Branch.objects.order_by("name")
    if user is not None and user.branch_id is not None:
        return [(branch.code, branch.name) for branch in branches.filter(pk=user.branch_id)]
    return [*((branch.code, branch.name) for branch in branches), ("", gettext_lazy("Headquarters"))]


def _tags(user: User | None) -> Choices:
    tags = GroupTag.objects.all()
    if user is not None and user.branch_id is not None:
        tags = tags.filter(Q(branch=None) | Q(branch_id=user.branch_id))
    return [(name, name) for name in dict.fromkeys(tags.order_by("name").values_list("name", flat=True))]


def _identities(user: User | None) -> Choices:
    groups = Group.objects.visible_to(user) if user is not None else Group.objects.all()
    names = groups.exclude(audience_identity="").order_by("audience_identity")
    return [(name, name) for name in names.values_list("audience_identity", flat=True).distinct()[:MOST_VALUES]]


def _grades(user: User | None) -> Choices:
    return [(name, name) for name in Grade.objects.values_list("name", flat=True)]


def _channel_q(values: Sequence[str]) -> Q:
    found = Q(destination__kind__in=list(values))
    return found | Q(destination=None) if Kind.INAPP in values else found


CONDITIONS = (
    Condition("branches", gettext_lazy("Branch"), _branch_q, _branches),
    Condition("motivations", gettext_lazy("Motivation"), _in("motivation"), _fixed(Motivation.choices)),
    Condition("types", gettext_lazy("Community type"), _in("community_type"), _fixed(CommunityType.choices)),
    Condition("tags", gettext_lazy("Tags"), _in("tags__name"), _tags),
    Condition("tiers", gettext_lazy("Tier"), _in("audience_tier"), _fixed(Tier.choices)),
    Condition("identities", gettext_lazy("Identity"), _in("audience_identity"), _identities),
    Condition("grades", gettext_lazy("Grade"), _in("audience_grade__name"), _grades),
    Condition("stages", gettext_lazy("Stage"), _in("stage"), _fixed(HealthStage.choices)),
    Condition("channels", pgettext_lazy("audience", "Channel"), _channel_q, _fixed(Kind.choices)),
)
BY_KEY = {condition.key: condition for condition in CONDITIONS}
NUMBERS = ("members_from", "members_to")
KEYS = {*BY_KEY, *NUMBERS, "name", "except"}


def audience_checked(audience: object, user: User | None) -> Audience:
    """The audience in its shortest form. Raises ValidationError (field `audience`) for what cannot be meant."""
    if not isinstance(audience, Mapping):
        raise _wrong(_('An audience is an object, like {"motivations": ["growth"]}.'))
    if unknown := sorted(str(key)[:40] for key in audience.keys() - KEYS):
        raise _wrong(
            _("“%(key)s” is no condition of an audience. Known are: %(known)s.")
            % {"key": unknown[0], "known": ", ".join(sorted(KEYS))}
        )
    kept: Audience = {}
    for condition in CONDITIONS:
        if values := _texts(audience, condition.key, MOST_VALUES):
            known = {value for value, _label in condition.choices(user)}
            if strange := [value for value in values if value not in known]:
                raise _wrong(
                    _("%(condition)s: “%(value)s” is not known.")
                    % {"condition": condition.label, "value": strange[0][:60]}
                )
            kept[condition.key] = values
    for key in NUMBERS:
        value = audience.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_GROUP:
            raise _wrong(_("The number of members is a whole number."))
        kept[key] = value
    if kept.get("members_from", 0) > kept.get("members_to", LARGEST_GROUP):
        raise _wrong(_("No group has at least %(least)d and at most %(most)d members.")
                     % {"least": kept["members_from"], "most": kept["members_to"]})  # fmt: skip
    name = audience.get("name") or ""
    if not isinstance(name, str) or len(name) > 120 or "\x00" in name:
        raise _wrong(_("A part of the name has at most 120 characters."))
    if name.strip():
        kept["name"] = name.strip()
    if excluded := _texts(audience, "except", MOST_EXCEPTIONS):
        kept["except"] = excluded
    return kept


def _texts(audience: Mapping[str, Any], key: str, most: int) -> list[str]:
    values = audience.get(key) or []
    good = isinstance(values, list) and all(isinstance(value, str) and "\x00" not in value for value in values)
    if not good or len(values) > most:
        raise _wrong(_("“%(key)s” takes a list of at most %(most)d texts.") % {"key": key, "most": most})
    return sorted(set(values))


def _wrong(text: str) -> ValidationError:
    return ValidationError({"audience": ValidationError(text, code="invalid_audience")})


def may_be_reached_by(author: User | None) -> GroupQuerySet:
    """The active groups to which a person may post now; None stands for the product itself, which reaches all."""
    groups = Group.objects.postable()
    if author is None:
        return groups
    if not author.is_active:
        return groups.none()
    return groups.visible_to(author).permitted(author, Permission.POST)


def audience_groups(audience: Mapping[str, Any], author: User | None) -> GroupQuerySet:
    """The groups that an audience means now, within what its author may post to."""
    groups = may_be_reached_by(author)
    for condition in CONDITIONS:
        if values := audience.get(condition.key):
            # By id: a group with two of the tags would otherwise come twice.
            groups = groups.filter(pk__in=Group.objects.filter(condition.lookup(values)).values("pk"))
    if "members_from" in audience:
        groups = groups.filter(member_count__gte=audience["members_from"])
    if "members_to" in audience:
        groups = groups.filter(member_count__lte=audience["members_to"])
    if name := audience.get("name"):
        groups = groups.filter(name__icontains=name)
    if excluded := audience.get("except"):
        groups = groups.exclude(external_id__in=excluded)
    return groups


def audience_words(audience: Mapping[str, Any]) -> list[str]:
    """What an audience asks for, a sentence for each condition: "Motivation: Growth, Sales". May query."""
    said: list[str] = []
    for condition in CONDITIONS:
        if values := audience.get(condition.key):
            labels = dict(condition.choices(None))
            names = _(", ").join(str(labels.get(value, value)) for value in values)
            said.append(_("%(condition)s: %(names)s") % {"condition": condition.label, "names": names})
    least, most = audience.get("members_from"), audience.get("members_to")
    if least is not None and most is not None:
        said.append(_("%(least)d to %(most)d members") % {"least": least, "most": most})
    elif least is not None:
        said.append(_("at least %(least)d members") % {"least": least})
    elif most is not None:
        said.append(_("at most %(most)d members") % {"most": most})
    if name := audience.get("name"):
        said.append(_("name contains “%(name)s”") % {"name": name})
    if excluded := audience.get("except"):
        known = dict(Group.objects.filter(external_id__in=excluded).values_list("external_id", "name"))
        shown = _(", ").join(known.get(ref, ref) for ref in excluded[:5])
        said.append(_("without %(names)s") % {"names": f"{shown} …" if len(excluded) > 5 else shown})
    return said or [_("every group that the author may post to")]
