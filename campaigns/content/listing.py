"""The list of pieces: its columns and filters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.access import StaffRequest
from accounts.models import Branch, User
from campaigns.content.models import ContentTag, Level, Piece, PieceKind, PieceState
from campaigns.content.usage import never_used, used_within, with_usage
from community_ops.lib.lists import Column, Filter, Listing
from delivery.models import Value
from groups.bulk.lists import select_column

SHARED = "shared"
ANY_STATE = "any"
TAGS_OFFERED = 200

Choices = list[tuple[str, str | Promise]]


def piece_columns(user: User, *, questions: bool = False) -> list[Column[Any]]:
    return [
        *([select_column()] if user.may_write else []),
        Column("title", gettext_lazy("Title"), order="title", value=lambda piece: piece.title),
        Column("text", gettext_lazy("Text"), value=lambda piece: piece.text, shown=False),
        Column(
            "kind",
            gettext_lazy("Kind"),
            order="kind",
            value=lambda piece: piece.get_kind_display(),
            wide="xl",
            shown=not questions,
        ),
        Column(
            "value",
            pgettext_lazy("content", "Value"),
            order="value",
            value=lambda piece: piece.get_value_display(),
            wide="sm",
        ),
        Column(
            "level",
            gettext_lazy("Level"),
            order="level",
            value=lambda piece: piece.get_level_display(),
            wide="sm",
            shown=questions,
        ),
        Column(
            "tags", gettext_lazy("Tags"), value=lambda piece: ", ".join(tag.name for tag in piece.tags.all()), wide="lg"
        ),
        Column("link", gettext_lazy("Link"), value=lambda piece: piece.link, shown=False),
        Column("link_title", gettext_lazy("Words of the link"), value=lambda piece: piece.link_title, shown=False),
        Column(
            "branch",
            gettext_lazy("Branch"),
            order="branch__name",
            value=lambda piece: piece.branch.name if piece.branch else "",
            nullable=True,
            wide="xl",
        ),
        Column("state", gettext_lazy("State"), order="state", value=lambda piece: piece.get_state_display(), wide="lg"),
        Column(
            "groups",
            gettext_lazy("Groups reached"),
            order="groups_reached",
            value=lambda piece: piece.groups_reached or 0,
            number=True,
            nullable=True,
            wide="md",
        ),
        Column(
            "used",
            gettext_lazy("Last used"),
            order="last_used_at",
            value=lambda piece: piece.last_used_at,
            nullable=True,
        ),
        Column("updated", gettext_lazy("Changed"), order="updated_at", value=lambda piece: piece.updated_at, wide="xl"),
    ]


def piece_listing(request: StaffRequest, *, questions: bool = False) -> Listing[Any]:
    """The library; `questions`: the question bank, which is a part of it."""
    user = request.user
    pieces = Piece.objects.visible_to(user).select_related("branch").prefetch_related("tags")
    if questions:
        pieces = pieces.filter(kind=PieceKind.QUESTION)
    if not request.GET.get("state"):
        pieces = pieces.exclude(state=PieceState.RETIRED)
    return Listing(
        request,
        with_usage(pieces, user),
        columns=piece_columns(user, questions=questions),
        sort="-updated",
        search=lambda rows, text: rows.filter(pk__in=Piece.objects.matching(text).values("pk")),
        filters=_filters(user, questions=questions),
    )


def _filters(user: User, *, questions: bool) -> list[Filter[Any]]:
    now = timezone.now()

    def used(rows: Any, value: str) -> Any:
        if value == "never":
            return never_used(rows, user)
        return used_within(rows, user, now - timedelta(days=int(value)) if value != "ever" else None)

    tags: Choices = [
        (str(pk), name) for pk, name in ContentTag.objects.visible_to(user).values_list("pk", "name")[:TAGS_OFFERED]
    ]
    branches: Choices = [(SHARED, gettext_lazy("Shared by all branches"))]
    if user.is_headquarters:
        branches += [(str(branch.pk), branch.name) for branch in Branch.objects.all()]
    elif user.branch:
        branches.append((str(user.branch.pk), user.branch.name))
    kind: Filter[Any] = Filter(
        "kind", gettext_lazy("Kind"), PieceKind.choices, lambda rows, value: rows.filter(kind=value)
    )
    return [
        *([] if questions else [kind]),
        Filter("value", pgettext_lazy("content", "Value"), Value.choices, lambda rows, value: rows.filter(value=value)),
        Filter(
            "level",
            gettext_lazy("Level"),
            Level.choices,
            lambda rows, value: rows.filter(level=value),
            more=not questions,
        ),
        Filter("tag", gettext_lazy("Tag"), tags, lambda rows, value: rows.filter(tags=value)),
        Filter(
            "used",
            gettext_lazy("Use"),
            [
                ("never", gettext_lazy("Never used")),
                ("30", gettext_lazy("Used within 30 days")),
                ("ever", gettext_lazy("Used at any time")),
            ],
            used,
        ),
        Filter(
            "state",
            gettext_lazy("State"),
            [*PieceState.choices, (ANY_STATE, gettext_lazy("All, also retired"))],
            lambda rows, value: rows if value == ANY_STATE else rows.filter(state=value),
            unset=pgettext_lazy("filter of content", "Not retired"),
            more=True,
        ),
        Filter(
            "branch",
            gettext_lazy("Branch"),
            branches,
            lambda rows, value: rows.filter(branch=None if value == SHARED else value),
            more=True,
        ),
    ]
