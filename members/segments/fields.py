"""What members can be told apart by, as far as this app knows it. See filters.py for how others add theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import Aggregate, Count, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Branch, User
from activity.models import BuiltInKind, Event, EventKind
from groups.models import Grade, Group, Motivation, Tier
from members.acquisition.offered import channels_offered
from members.conduct.models import Violation
from members.fields.models import FieldDefinition, FieldKind
from members.models import JourneyStage, ListedMember, Member, MemberList, MemberRole, Membership, MemberTag, Tag
from members.roles.models import MEMBER_ROLES
from members.seeds.models import SeedStage, SeedUser
from members.segments.filters import Ask, Choices, FilterField, register, register_source

OFFERED = 200
PERSON, GROUPS, ACTIVITY, ORDERS, OWN = (
    _("Person"),
    _("Groups"),
    _("Activity"),
    _("Orders"),
    _("Own fields"),
)
DAYS, TIMES = _("days"), _("times")


# Building blocks


def column_in(name: str) -> Callable[[Ask], Q]:
    return lambda ask: Q(**{f"{name}__in": ask.values})


def text_of(name: str) -> Callable[[Ask], Q]:
    def match(ask: Ask) -> Q:
        if ask.op == "contains":
            return Q(**{f"{name}__icontains": ask.value.strip()})
        if ask.op == "is":
            return Q(**{name: ask.value.strip()})
        return ~Q(**{name: ""}) if ask.op == "filled" else Q(**{name: ""})

    return match


def moment_of(name: str) -> Callable[[Ask], Q]:
    """A time in a column of the member."""

    def match(ask: Ask) -> Q:
        if ask.op == "never":
            return Q(**{name: None})
        edge = ask.now - timedelta(days=ask.value)
        return Q(**{f"{name}__gt": edge}) if ask.op == "within" else Q(**{f"{name}__lte": edge})

    return match


def yes_no_of(name: str) -> Callable[[Ask], Q]:
    return lambda ask: Q(**{name: ask.op == "yes"})


def counted(rows: QuerySet[Any], ask: Ask, figure: Aggregate, *, member: str = "member_id") -> Q:
    """Members by a figure over `rows`; those without rows have 0."""
    found = rows.order_by().values(member).annotate(figure=figure)
    if ask.op == "at_least":
        return Q(pk__in=found.filter(figure__gte=ask.value).values(member)) if ask.value > 0 else Q()
    return ~Q(pk__in=found.filter(figure__gt=ask.value).values(member))


def offered(rows: QuerySet[Any], chosen: tuple[str, ...], label: str, key: str = "pk") -> Choices:
    """The first rows of a list, and those of `chosen` that are in it."""
    first = list(rows.values_list(key, label)[:OFFERED])
    numbers = [value for value in chosen if key != "pk" or (value.isdecimal() and len(value) < 19)]
    seen = {str(value) for value, _name in first}
    more = [value for value in numbers if value not in seen]
    if more:
        first += rows.filter(**{f"{key}__in": more}).values_list(key, label)
    return [(str(value), str(name)) for value, name in first]


# Groups


def _memberships(user: User) -> QuerySet[Membership]:
    """Where members are now, as far as `user` may know."""
    return Membership.objects.visible_to(user).present()


def _present_in(lookup: str) -> Callable[[Ask], Q]:
    return lambda ask: Q(pk__in=_memberships(ask.user).filter(**{f"{lookup}__in": ask.values}).values("member"))


def _joined(ask: Ask) -> Q:
    edge = ask.now - timedelta(days=ask.value)
    inside = Q(joined_at__gt=edge) if ask.op == "within" else Q(joined_at__lte=edge)
    return Q(pk__in=_memberships(ask.user).filter(inside).values("member"))


def _in_a_group(ask: Ask) -> Q:
    here = Q(pk__in=_memberships(ask.user).values("member"))
    return here if ask.op == "yes" else ~here


def _roles(ask: Ask) -> Q:
    held = MemberRole.objects.filter(
        role__in=ask.values, ended_at=None, membership__group__in=Group.objects.visible_to(ask.user)
    )
    return Q(pk__in=held.values("membership__member"))


def _tags(ask: Ask) -> Q:
    tags = MemberTag.objects.filter(tag__in=Tag.objects.visible_to(ask.user), tag_id__in=_numbers(ask.values))
    return Q(pk__in=tags.values("member"))


def _listed(ask: Ask) -> Q:
    lists = MemberList.objects.visible_to(ask.user).filter(pk__in=_numbers(ask.values))
    return Q(pk__in=ListedMember.objects.filter(list__in=lists).values("member"))


def _numbers(values: tuple[str, ...]) -> list[int]:
    return [int(value) for value in values if value.isdecimal() and len(value) < 19]


# Activity


def _events(ask: Ask) -> QuerySet[Event]:
    events = Event.objects.filter(at__lte=ask.now)
    if ask.user.branch_id is not None:
        groups = Group.objects.visible_to(ask.user).values("pk")
        events = events.filter(Q(group_id=None) | Q(group_id__in=groups))
    if ask.days:
        events = events.filter(at__gt=ask.now - timedelta(days=ask.days))
    return events


def _event_count(ask: Ask) -> Q:
    kind = EventKind.objects.filter(slug=ask.kind).values_list("pk", flat=True)
    return counted(_events(ask).filter(kind_id__in=list(kind)), ask, Count("pk"))


def _of_kind(kind: BuiltInKind, figure: Aggregate) -> Callable[[Ask], Q]:
    def match(ask: Ask) -> Q:
        numbers = EventKind.objects.filter(slug=kind).values_list("pk", flat=True)
        return counted(_events(ask).filter(kind_id__in=list(numbers)), ask, figure)

    return match


def _channels(ask: Ask) -> Q:
    return Q(pk__in=_events(ask).filter(channel__code__in=ask.values).values("member_id"))


# Seed users


def _seed_stages(ask: Ask) -> Q:
    return Q(pk__in=SeedUser.objects.visible_to(ask.user).filter(stage__in=ask.values).values("member"))


def _strikes(ask: Ask) -> Q:
    return counted(Violation.objects.visible_to(ask.user).in_force(ask.now), ask, Sum("strikes"))


# Own fields


def _custom_fields(user: User) -> dict[str, FilterField]:
    definitions = FieldDefinition.objects.visible_to(user).in_use()
    return {f"own:{definition.key}": _custom(definition) for definition in definitions}


def _custom(definition: FieldDefinition) -> FilterField:
    key, name = definition.key, f"fields__{definition.key}"

    def match(ask: Ask) -> Q:
        if definition.kind == FieldKind.CHOICE:
            # Written as a choice of ORs: a JSON value compares to one value at a time on both databases.
            joined = Q(pk__in=())
            for value in ask.values:
                joined |= Q(**{name: value})
            return Q(fields__has_key=key) & joined
        if definition.kind == FieldKind.YES_NO:
            return Q(**{name: True}) if ask.op == "yes" else ~(Q(fields__has_key=key) & Q(**{name: True}))
        if ask.op == "filled":
            return Q(fields__has_key=key)
        if ask.op == "empty":
            return ~Q(fields__has_key=key)
        look = {
            "is": "",
            "contains": "__icontains",
            "at_least": "__gte",
            "at_most": "__lte",
            "from": "__gte",
            "until": "__lte",
        }[ask.op]
        return Q(fields__has_key=key) & Q(**{f"{name}{look}": ask.value})

    def choices(_user: User, _chosen: tuple[str, ...]) -> Choices:
        return [(choice, choice) for choice in definition.choices]

    return FilterField(
        f"own:{key}",
        definition.label,
        OWN,
        definition.kind,
        match,
        choices=choices if definition.kind == FieldKind.CHOICE else None,
    )


def _fixed(choices: Any) -> Callable[[User, tuple[str, ...]], Choices]:
    return lambda _user, _chosen: [(str(value), label) for value, label in choices]


def _branches(ask: Ask) -> Q:
    return Q(pk__in=_memberships(ask.user).filter(group__branch_id__in=_numbers(ask.values)).values("member"))


def _groups(ask: Ask) -> Q:
    return Q(pk__in=_memberships(ask.user).filter(group_id__in=_numbers(ask.values)).values("member"))


def register_fields() -> None:
    register(
        FilterField("name", _("Name"), PERSON, "text", text_of("name")),
        FilterField("tier", _("Tier"), PERSON, "choice", column_in("tier"), _fixed(Tier.choices)),
        FilterField(
            "stage",
            _("Stage"),
            PERSON,
            "choice",
            lambda ask: Q(stage__in=_numbers(ask.values)),
            _fixed(JourneyStage.choices),
        ),
        FilterField("identity", _("Identity"), PERSON, "text", text_of("identity")),
        FilterField(
            "grade",
            _("Grade"),
            PERSON,
            "choice",
            lambda ask: Q(pk__in=Member.objects.filter(grade_id__in=_numbers(ask.values)).values("pk")),
            lambda _user, chosen: offered(Grade.objects.all(), chosen, "name"),
        ),
        FilterField(
            "tag",
            _("Tag"),
            PERSON,
            "choice",
            _tags,
            lambda user, chosen: offered(Tag.objects.visible_to(user), chosen, "name"),
        ),
        FilterField(
            "listed",
            _("On the list"),
            PERSON,
            "choice",
            _listed,
            lambda user, chosen: offered(MemberList.objects.visible_to(user), chosen, "name"),
        ),
        FilterField("invited", _("Invited by a member"), PERSON, "yes_no", _invited),
        FilterField("no_marketing", _("No marketing"), PERSON, "yes_no", yes_no_of("no_marketing")),
        FilterField("seed_stage", _("Stage as a seed user"), PERSON, "choice", _seed_stages, _fixed(SeedStage.choices)),
        FilterField("strikes", _("Strikes in force"), PERSON, "count", _strikes),
        FilterField(
            "group",
            _("In the group"),
            GROUPS,
            "choice",
            _groups,
            lambda user, chosen: offered(
                Group.objects.visible_to(user).open().order_by("-member_count", "pk"), chosen, "name"
            ),
        ),
        FilterField(
            "branch",
            _("In a group of the branch"),
            GROUPS,
            "choice",
            _branches,
            lambda user, chosen: offered(Branch.objects.visible_to(user), chosen, "name"),
        ),
        FilterField(
            "motivation",
            _("In a group with the motivation"),
            GROUPS,
            "choice",
            _present_in("group__motivation"),
            _fixed(Motivation.choices),
        ),
        FilterField("in_group", _("In any group now"), GROUPS, "yes_no", _in_a_group),
        FilterField("joined", _("Joined a group"), GROUPS, "moment", _joined, unit=DAYS, nullable=False),
        FilterField(
            "role",
            _("Role in a group"),
            GROUPS,
            "choice",
            _roles,
            _fixed([(role.value, role.label) for role in MEMBER_ROLES]),
        ),
        FilterField("first_seen", _("First seen"), ACTIVITY, "moment", moment_of("first_seen_at"), unit=DAYS),
        FilterField("last_seen", _("Last seen"), ACTIVITY, "moment", moment_of("last_seen_at"), unit=DAYS),
        FilterField(
            "events",
            _("Number of events"),
            ACTIVITY,
            "count",
            _event_count,
            unit=TIMES,
            takes_days=True,
            takes_kind=True,
        ),
        FilterField(
            "channel",
            pgettext_lazy("filter", "Came through the channel"),
            ACTIVITY,
            "choice",
            _channels,
            lambda user, chosen: offered(channels_offered(user), chosen, "code", key="code"),
        ),
        FilterField(
            "orders",
            _("Number of orders"),
            ORDERS,
            "count",
            _of_kind(BuiltInKind.ORDERED, Count("pk")),
            unit=TIMES,
            takes_days=True,
        ),
        FilterField(
            "spent",
            _("Amount of orders"),
            ORDERS,
            "count",
            _of_kind(BuiltInKind.ORDERED, Sum("value")),
            takes_days=True,
        ),
    )
    register_source(_custom_fields)


def _invited(ask: Ask) -> Q:
    return Q(invited_by__isnull=ask.op == "no")
