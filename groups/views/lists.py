"""The list of groups."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.access import StaffRequest, staff_required
from accounts.models import Branch, User
from community_ops.lib.lists import Column, Filter, Listing
from groups.bulk.for_groups import group_tags_visible
from groups.bulk.lists import select_column, selectable
from groups.models import CommunityType, Grade, Group, GroupState, GroupTag, HealthStage, Motivation, RuleSet, Tier

ANY_STATE = "any"
HEADQUARTERS = "none"
NO_RULES = "none"
IDENTITIES_OFFERED = 100

Choices = list[tuple[str, str | Promise]]


def group_columns(user: User) -> list[Column[Group]]:
    return [
        *([select_column()] if user.may_write else []),
        Column("name", gettext_lazy("Name"), order="name", value=lambda group: group.name),
        Column("external_id", gettext_lazy("Id in other systems"), value=lambda group: group.external_id, shown=False),
        *(
            [
                Column[Group](
                    "branch",
                    gettext_lazy("Branch"),
                    order="branch__name",
                    value=lambda group: group.branch.name if group.branch else "",
                    wide="lg",
                    nullable=True,
                )
            ]
            if user.is_headquarters
            else [Column[Group]("branch", gettext_lazy("Branch"), value=lambda group: str(group.branch), shown=False)]
        ),
        Column("state", gettext_lazy("State"), order="state", value=lambda group: group.get_state_display(), wide="sm"),
        Column(
            "motivation", gettext_lazy("Motivation"), value=lambda group: group.get_motivation_display(), shown=False
        ),
        Column(
            "type", gettext_lazy("Community type"), value=lambda group: group.get_community_type_display(), shown=False
        ),
        Column(
            "members",
            gettext_lazy("Members"),
            order="member_count",
            value=lambda group: group.member_count,
            number=True,
        ),
        Column(
            "active",
            gettext_lazy("Active, 7 days"),
            order="active_7d",
            value=lambda group: group.active_7d,
            number=True,
        ),
        Column(
            "messages",
            gettext_lazy("Messages, 7 days"),
            order="messages_7d",
            value=lambda group: group.messages_7d,
            number=True,
            wide="xl",
        ),
        Column(
            "noise",
            gettext_lazy("Noise"),
            order="noise",
            value=lambda group: group.noise,
            number=True,
            nullable=True,
            wide="xl",
        ),
        Column(
            "stage",
            gettext_lazy("Stage"),
            order="stage",
            value=lambda group: group.get_stage_display(),
            wide="md",
        ),
        Column("since", gettext_lazy("Stage since"), value=lambda group: group.stage_since, shown=False),
        Column("rules", gettext_lazy("Rules"), value=lambda group: str(group.rule_set or ""), wide="xl"),
        Column("tags", gettext_lazy("Tags"), value=lambda group: _names(group.tags.all()), shown=False),
        Column("tier", gettext_lazy("Tier"), value=lambda group: group.get_audience_tier_display(), shown=False),
        Column("identity", gettext_lazy("Identity"), value=lambda group: group.audience_identity, shown=False),
        Column("grade", gettext_lazy("Grade"), value=lambda group: str(group.audience_grade or ""), shown=False),
        Column(
            "last",
            gettext_lazy("Last activity"),
            order="last_event_at",
            value=lambda group: group.last_event_at,
            nullable=True,
            wide="md",
        ),
    ]


def _names(things: QuerySet[GroupTag]) -> str:
    return ", ".join(tag.name for tag in things)


def group_filters(user: User, now: datetime) -> list[Filter[Group]]:
    def in_state(groups: QuerySet[Group], value: str) -> QuerySet[Group]:
        return groups if value == ANY_STATE else groups.filter(state=value)

    def of_branch(groups: QuerySet[Group], value: str) -> QuerySet[Group]:
        return groups.filter(branch=None) if value == HEADQUARTERS else groups.filter(branch_id=value)

    def in_need(groups: QuerySet[Group], value: str) -> QuerySet[Group]:
        if value == "help":
            return groups.filter(stage__in=[HealthStage.DECLINING, HealthStage.DEAD])
        chosen = Group.objects.quiet(now) if value == "quiet" else Group.objects.nearly_full()
        return groups.filter(pk__in=chosen.values("pk"))

    def tagged(groups: QuerySet[Group], value: str) -> QuerySet[Group]:
        return groups.filter(Exists(Group.tags.through.objects.filter(group=OuterRef("pk"), grouptag=int(value))))

    def ruled(groups: QuerySet[Group], value: str) -> QuerySet[Group]:
        return groups.filter(rule_set=None) if value == NO_RULES else groups.filter(rule_set_id=int(value))

    filters: list[Filter[Group]] = []
    if user.is_headquarters:
        branches = [(str(pk), name) for pk, name in Branch.objects.values_list("pk", "name")]
        if branches:
            choices: Choices = [*branches, (HEADQUARTERS, gettext_lazy("Headquarters"))]
            filters.append(Filter("branch", gettext_lazy("Branch"), choices, of_branch))
    filters += [
        Filter(
            "state",
            gettext_lazy("State"),
            [*GroupState.choices, (ANY_STATE, gettext_lazy("Every state"))],
            in_state,
            unset=gettext_lazy("Open groups"),
        ),
        Filter(
            "need",
            gettext_lazy("Needs a look"),
            [
                ("help", gettext_lazy("Declining or dead")),
                ("quiet", gettext_lazy("Quiet for 7 days")),
                ("full", gettext_lazy("Nearly full")),
            ],
            in_need,
        ),
        Filter("stage", gettext_lazy("Stage"), HealthStage.choices, lambda groups, value: groups.filter(stage=value)),
        Filter(
            "motivation",
            gettext_lazy("Motivation"),
            Motivation.choices,
            lambda groups, value: groups.filter(motivation=value),
            more=True,
        ),
        Filter(
            "type",
            gettext_lazy("Community type"),
            CommunityType.choices,
            lambda groups, value: groups.filter(community_type=value),
            more=True,
        ),
    ]
    rules = [(str(pk), name) for pk, name in RuleSet.objects.visible_to(user).values_list("pk", "name")]
    grades = [(str(pk), name) for pk, name in Grade.objects.values_list("pk", "name")]
    used = Group.objects.visible_to(user).exclude(audience_identity="").order_by("audience_identity")
    identities = [
        (name, name) for name in used.values_list("audience_identity", flat=True).distinct()[:IDENTITIES_OFFERED]
    ]
    if tags := group_tags_visible(user):
        filters.append(Filter("tag", gettext_lazy("Tag"), tags, tagged, more=True))
    if rules:
        rule_choices: Choices = [*rules, (NO_RULES, gettext_lazy("Without rules"))]
        filters.append(Filter("rules", gettext_lazy("Rules"), rule_choices, ruled, more=True))
    filters.append(
        Filter(
            "tier",
            gettext_lazy("Tier"),
            Tier.choices,
            lambda groups, value: groups.filter(audience_tier=value),
            more=True,
        )
    )
    if grades:
        filters.append(
            Filter(
                "grade",
                gettext_lazy("Grade"),
                grades,
                lambda groups, value: groups.filter(audience_grade_id=int(value)),
                more=True,
            )
        )
    if identities:
        filters.append(
            Filter(
                "identity",
                gettext_lazy("Identity"),
                identities,
                lambda groups, value: groups.filter(audience_identity=value),
                more=True,
            )
        )
    return filters


def group_listing(request: StaffRequest) -> Listing[Group]:
    groups = Group.objects.visible_to(request.user)
    # Closed groups are kept, not worked with: they show when somebody asks for a state or searches.
    if not request.GET.get("state") and not request.GET.get("q"):
        groups = groups.open()
    return Listing(
        request,
        groups.select_related("branch", "rule_set", "audience_grade").prefetch_related("tags"),
        columns=group_columns(request.user),
        filters=group_filters(request.user, timezone.now()),
        search=lambda found, text: found.filter(pk__in=Group.objects.matching(text).values("pk")),
        sort="name",
    )


@require_GET
@staff_required
def group_list(request: StaffRequest) -> HttpResponseBase:
    listing = group_listing(request)
    if listing.export:
        return listing.export_response("groups")
    return render(request, "console/groups/list.html", {"listing": listing})


selectable("group", "groups:list", group_listing, "groups:detail")
