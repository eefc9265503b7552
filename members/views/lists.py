"""The lists of members: all of them, and those of a group."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from accounts.models import Branch, User
from community_ops.lib.lists import Column, Filter, Listing
from groups.bulk.lists import select_column, selectable
from groups.choices import group_choices
from groups.models import Grade, Group, Tier
from members.fields.models import FieldDefinition, FieldKind
from members.fields.values import field_text
from members.models import JourneyStage, Member, Membership, MemberTag, Segment, Tag
from members.segments.selectors import segment_members

FILTERED = (FieldKind.CHOICE, FieldKind.YES_NO)
SEEN = [
    ("7", gettext_lazy("Seen in the last 7 days")),
    ("30", gettext_lazy("Seen in the last 30 days")),
    ("silent", gettext_lazy("Not seen for 30 days")),
]

MEMBERSHIP_COLUMNS: list[Column[Membership]] = [
    Column("name", gettext_lazy("Name"), order="member__name", value=lambda row: row.member.name),
    Column("external_id", gettext_lazy("Id in other systems"), value=lambda row: row.member.external_id, shown=False),
    Column(
        "stage",
        gettext_lazy("Stage"),
        order="member__stage",
        value=lambda row: row.member.get_stage_display(),
        wide="sm",
    ),
    Column("joined", gettext_lazy("Joined"), order="joined_at", value=lambda row: row.joined_at, wide="md"),
    Column("last", gettext_lazy("Last seen here"), order="last_seen_at", value=lambda row: row.last_seen_at),
    Column(
        "left",
        gettext_lazy("Left"),
        order="left_at",
        value=lambda row: None if row.is_present else row.left_at,
        nullable=True,
        wide="md",
    ),
]


def member_columns(user: User, definitions: list[FieldDefinition]) -> list[Column[Member]]:
    return [
        *([select_column()] if user.may_write else []),
        Column("name", gettext_lazy("Name"), order="name", value=lambda member: member.name),
        Column("external_id", gettext_lazy("Id in other systems"), value=lambda member: member.external_id, wide="xl"),
        Column(
            "stage", gettext_lazy("Stage"), order="stage", value=lambda member: member.get_stage_display(), wide="sm"
        ),
        Column("tier", gettext_lazy("Tier"), order="tier", value=lambda member: member.get_tier_display(), wide="lg"),
        Column("identity", gettext_lazy("Identity"), value=lambda member: member.identity, shown=False),
        Column("contact", gettext_lazy("WeChat id"), value=lambda member: member.contact, shown=False),
        Column(
            "tags",
            gettext_lazy("Tags"),
            value=lambda member: ", ".join(row.tag.name for row in shown_tags(member)),
            wide="md",
        ),
        *(_own_column(definition) for definition in definitions),
        Column(
            "first",
            gettext_lazy("First seen"),
            order="first_seen_at",
            value=lambda member: member.first_seen_at,
            nullable=True,
            wide="xl",
        ),
        Column(
            "last",
            gettext_lazy("Last seen"),
            order="last_seen_at",
            value=lambda member: member.last_seen_at,
            nullable=True,
        ),
        Column("marketing", gettext_lazy("No marketing"), value=lambda member: int(member.no_marketing), shown=False),
    ]


def _own_column(definition: FieldDefinition) -> Column[Member]:
    return Column(
        f"own_{definition.key}",
        definition.label,
        value=lambda member: field_text(definition, member.fields.get(definition.key)),
        wide="lg",
        shown=definition.in_list,
    )


def shown_tags(member: Member) -> list[MemberTag]:
    """The tags that tags_of() brought along."""
    found: list[MemberTag] = getattr(member, "shown_tags")  # noqa: B009  a prefetch
    return found


def tags_of(user: User) -> Prefetch[Any]:
    """The tags of members that `user` may see, as `member.shown_tags`."""
    rows = MemberTag.objects.filter(tag__in=Tag.objects.visible_to(user)).select_related("tag").order_by("tag__name")
    return Prefetch("member_tags", rows, to_attr="shown_tags")


def _search(members: QuerySet[Member], text: str) -> QuerySet[Member]:
    return members.filter(pk__in=Member.objects.matching(text).values("pk"))


def _filters(user: User, asked_group: str, definitions: list[FieldDefinition], now: datetime) -> list[Filter[Member]]:
    def seen(members: QuerySet[Member], value: str) -> QuerySet[Member]:
        if value == "silent":
            return members.filter(last_seen_at__lte=now - timedelta(days=30))
        return members.filter(last_seen_at__gt=now - timedelta(days=int(value)))

    def in_group(members: QuerySet[Member], value: str) -> QuerySet[Member]:
        return members.filter(pk__in=Membership.objects.present().filter(group_id=value).values("member"))

    def in_branch(members: QuerySet[Member], value: str) -> QuerySet[Member]:
        present = Membership.objects.present().filter(group__branch_id=value)
        return members.filter(pk__in=present.values("member"))

    def in_segment(members: QuerySet[Member], value: str) -> QuerySet[Member]:
        segment = next(segment for segment in segments if str(segment.pk) == value)
        return members.filter(pk__in=segment_members(segment, user=user, now=now).values("pk"))

    segments = list(Segment.objects.visible_to(user).select_related("branch"))
    tags = Tag.objects.visible_to(user).values_list("pk", "name")
    filters: list[Filter[Member]] = [
        Filter("group", gettext_lazy("Group"), group_choices(user, asked_group), in_group),
        Filter(
            "segment",
            gettext_lazy("Segment"),
            [(str(segment.pk), segment.name) for segment in segments],
            in_segment,
        ),
        Filter(
            "tag",
            gettext_lazy("Tag"),
            [(str(pk), name) for pk, name in tags],
            lambda members, value: members.filter(pk__in=MemberTag.objects.filter(tag_id=value).values("member")),
        ),
        Filter(
            "stage",
            gettext_lazy("Stage"),
            JourneyStage.choices,
            lambda members, value: members.filter(stage=value),
        ),
        Filter("seen", gettext_lazy("Last seen"), SEEN, seen),
        Filter(
            "tier",
            gettext_lazy("Tier"),
            Tier.choices,
            lambda members, value: members.filter(tier=value),
            more=True,
        ),
        Filter(
            "grade",
            gettext_lazy("Grade"),
            [(str(pk), name) for pk, name in Grade.objects.values_list("pk", "name")],
            lambda members, value: members.filter(grade_id=value),
            more=True,
        ),
        Filter(
            "marketing",
            gettext_lazy("Marketing"),
            [("yes", gettext_lazy("May be advertised to")), ("no", gettext_lazy("No marketing"))],
            lambda members, value: members.filter(no_marketing=value == "no"),
            more=True,
        ),
        *(
            _own_filter(definition)
            for definition in definitions
            if definition.kind in (FieldKind.CHOICE, FieldKind.YES_NO)
        ),
    ]
    if user.is_headquarters:
        branches = [(str(pk), name) for pk, name in Branch.objects.values_list("pk", "name")]
        filters.insert(0, Filter("branch", gettext_lazy("Branch"), branches, in_branch))
    return filters


def _own_filter(definition: FieldDefinition) -> Filter[Member]:
    name = f"fields__{definition.key}"
    if definition.kind == FieldKind.YES_NO:
        choices: list[tuple[str, Any]] = [
            ("yes", pgettext_lazy("answer", "yes")),
            ("no", pgettext_lazy("answer", "no")),
        ]
        return Filter(
            f"own_{definition.key}",
            definition.label,
            choices,
            lambda members, value: members.filter(**{name: value == "yes"}),
            more=True,
        )
    return Filter(
        f"own_{definition.key}",
        definition.label,
        [(choice, choice) for choice in definition.choices],
        lambda members, value: members.filter(**{name: value}),
        more=True,
    )


def member_listing(request: StaffRequest, definitions: list[FieldDefinition] | None = None) -> Listing[Member]:
    if definitions is None:
        definitions = list(FieldDefinition.objects.visible_to(request.user).in_use())
    return Listing(
        request,
        Member.objects.visible_to(request.user).current().prefetch_related(tags_of(request.user)),
        columns=member_columns(request.user, definitions),
        filters=_filters(request.user, request.GET.get("group", ""), definitions, timezone.now()),
        search=_search,
        sort="-last",
    )


@require_GET
@staff_required
def member_list(request: StaffRequest) -> HttpResponseBase:
    definitions = list(FieldDefinition.objects.visible_to(request.user).in_use())
    listing = member_listing(request, definitions)
    if listing.export:
        return listing.export_response("members")
    own = [definition for definition in definitions if definition.in_list]
    for member in listing.rows:
        texts = [field_text(definition, member.fields.get(definition.key)) for definition in own]
        setattr(member, "own_texts", texts)  # noqa: B010  for the template
    return render(request, "console/members/list.html", {"listing": listing})


@require_GET
@staff_required
def members_of_group(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The members tab of a group, loaded into its page."""
    group = get_object_or_404(Group.objects.visible_to(request.user), pk=pk)
    memberships = Membership.objects.filter(group=group).select_related("member")
    left = {"left": memberships.exclude(pk__in=memberships.present().values("pk")), "": memberships.present()}
    asked = request.GET.get("presence", "")
    listing = Listing(
        request,
        left.get(asked, memberships),
        columns=MEMBERSHIP_COLUMNS,
        filters=[
            Filter(
                "presence",
                gettext_lazy("In the group"),
                [("left", gettext_lazy("Has left")), ("all", gettext_lazy("Everybody"))],
                lambda rows, _value: rows,
                unset=gettext_lazy("In the group now"),
            ),
            Filter(
                "stage",
                gettext_lazy("Stage"),
                JourneyStage.choices,
                lambda rows, value: rows.filter(member__stage=value),
            ),
        ],
        search=lambda rows, text: rows.filter(member__in=Member.objects.matching(text).values("pk")),
        sort="-last",
        id="members",
        embedded=True,
    )
    if listing.export:
        return listing.export_response(f"group-{group.pk}-members")
    return render(request, "console/members/of_group.html", {"listing": listing, "group": group})


selectable("member", "members:list", member_listing, "members:detail")
