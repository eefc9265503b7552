"""The sources of a timeline that this app knows by itself."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import action_words, changes_in_a_line
from accounts.models import AuditEntry, User
from activity.models import Event
from groups.models import Group
from members.classes.models import TierChange
from members.conduct.models import Violation
from members.entry.models import Application
from members.models import Member, MemberRole, MemberTag, Note, SeedMove, StaffTask, Tag, TagSource
from members.selectors import member_events
from members.timeline.sources import Line, Source, register
from members.work.kinds import all_kinds


def _events(member: Member, user: User) -> QuerySet[Event]:
    group = Group.objects.filter(pk=OuterRef("group_id"))
    return (
        member_events(member_id=member.pk, user=user)
        .select_related("kind", "channel")
        .annotate(group_name=Subquery(group.values("name")[:1]))
    )


def _event_line(event: Any) -> Line:
    value = event.value
    if value is not None:
        value = int(value) if value == int(value) else value.normalize()
    group = Group(pk=event.group_id, name=event.group_name) if event.group_name is not None else None
    return Line(
        event.kind.label,
        name="" if value is None else f"{value:,}",
        group=group,
        tag=event.channel.code if event.channel else "",
        own_text=event.kind.is_built_in,
    )


def _notes(member: Member, user: User) -> QuerySet[Note]:
    return Note.objects.visible_to(user).filter(member=member).select_related("by")


def _roles(member: Member, user: User) -> QuerySet[MemberRole]:
    rows = MemberRole.objects.filter(membership__member=member, membership__group__in=Group.objects.visible_to(user))
    return rows.select_related("membership__group", "granted_by")


def _tags(member: Member, user: User) -> QuerySet[MemberTag]:
    rows = MemberTag.objects.filter(member=member, tag__in=Tag.objects.visible_to(user))
    # What people put on stands among the changes.
    return rows.exclude(source=TagSource.HAND).select_related("tag")


def _tasks(member: Member, user: User) -> QuerySet[StaffTask]:
    rows = StaffTask.objects.visible_to(user).filter(member=member, kind__in=[kind.slug for kind in all_kinds()])
    return rows.select_related("group", "member", "settled_by")


def _task_line(task: StaffTask) -> Line:
    kind = next(kind for kind in all_kinds() if kind.slug == task.kind)
    outcome = next((found.label for found in kind.outcomes if found.slug == task.outcome), None)
    return Line(
        kind.label,
        group=task.group,
        detail=task.note,
        by=str(task.settled_by or ""),
        tag=str(outcome or task.get_state_display()),
    )


def _seed_moves(member: Member, user: User) -> QuerySet[SeedMove]:
    rows = SeedMove.objects.filter(seed__member=member).select_related("by")
    return rows if user.branch_id is None else rows.filter(seed__branch_id=user.branch_id)


def _changes(member: Member, user: User) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.filter(subject_type="members.member", subject_id=member.pk).select_related("actor")
    return rows if user.branch_id is None else rows.filter(Q(branch_id=user.branch_id))


def _tiers(member: Member, _user: User) -> QuerySet[TierChange]:
    return TierChange.objects.filter(member=member)


def _violations(member: Member, user: User) -> QuerySet[Violation]:
    return Violation.objects.visible_to(user).filter(member=member).select_related("group", "rule")


def _applications(member: Member, user: User) -> QuerySet[Application]:
    return Application.objects.visible_to(user).filter(member=member).select_related("group")


def register_sources() -> None:
    register(Source("events", _("Events"), "activity", _events, _event_line))
    register(
        Source(
            "notes",
            _("Notes"),
            "pencil",
            _notes,
            lambda note: Line(_("Note"), detail=note.text, by=str(note.by or "")),
        )
    )
    register(
        Source(
            "roles",
            _("Roles"),
            "star",
            _roles,
            lambda row: Line(
                _("Got a role"), tag=row.get_role_display(), group=row.membership.group, by=str(row.granted_by or "")
            ),
            at="since",
        )
    )
    register(
        Source(
            "roles_ended",
            _("Roles that ended"),
            "minus",
            _roles,
            lambda row: Line(_("No longer holds a role"), tag=row.get_role_display(), group=row.membership.group),
            at="ended_at",
        )
    )
    register(
        Source(
            "tags",
            pgettext_lazy("timeline", "Tags put on by the product"),
            "tag",
            _tags,
            lambda row: Line(_("Got a tag"), name=row.tag.name),
            at="since",
        )
    )
    register(Source("tasks", _("Tasks"), "checklist", _tasks, _task_line, at="created_at"))
    register(
        Source(
            "seed",
            _("Seed users"),
            "target",
            _seed_moves,
            lambda move: Line(
                _("Moved as a seed user"), tag=move.get_to_stage_display(), detail=move.note, by=str(move.by or "")
            ),
        )
    )
    register(
        Source(
            "changes",
            pgettext_lazy("timeline", "Changes"),
            "history",
            _changes,
            lambda entry: Line(
                action_words(entry.action), detail=changes_in_a_line(entry), by=str(entry.actor or entry.actor_name)
            ),
        )
    )
    register(
        Source(
            "tiers",
            _("Tiers"),
            "trending-up",
            _tiers,
            lambda change: Line(_("Tier changed"), tag=change.get_after_display()),
        )
    )
    register(
        Source(
            "violations",
            _("Violations"),
            "flag",
            _violations,
            lambda row: Line(_("Broke a rule"), group=row.group, detail=row.rule.text, tag=row.get_state_display()),
        )
    )
    register(
        Source(
            "applications",
            _("Applications"),
            "user-question",
            _applications,
            lambda row: Line(_("Applied to a group"), group=row.group, tag=row.get_state_display()),
            at="created_at",
        )
    )
