"""What can be done with many groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Role, User
from groups.bulk.actions import (
    BulkAction,
    BulkSubject,
    Changed,
    Outcome,
    Params,
    Question,
    Text,
    Unchanged,
    register_action,
    register_subject,
)
from groups.models import Group, GroupState, GroupTag, Permission, RuleSet, StaffRole
from groups.roles.models import STAFF_ROLES, GroupRole
from groups.roles.permissions import may_name_staff
from groups.roles.services import staff_role_grant, staff_role_revoke
from groups.rules.services import group_rule_set_assign
from groups.services import group_archive, group_restore, group_tags_change, tags_named

Reasons = list[tuple[Text, Q | Exists]]
Undo = Sequence[tuple[Group, dict[str, Any]]]

NOT_YOURS = gettext_lazy("not yours to decide")
DISMISSED: tuple[Text, Q] = (gettext_lazy("dismissed in WeCom"), Q(state=GroupState.DISMISSED))


def _refused(error: ValidationError) -> Unchanged:
    return Unchanged(" ".join(error.messages), failed=True)


# Rules


def _rule_sets(user: User) -> list[tuple[str, Text]]:
    found = RuleSet.objects.visible_to(user).in_use().order_by("name", "pk")
    return [(str(pk), name) for pk, name in found.values_list("pk", "name")]


def _rules_reasons(user: User, params: Params) -> Reasons:
    rules = RuleSet.objects.get(pk=params["rule_set"])
    moderated = Group.objects.permitted(user, Permission.MODERATE).order_by().values("pk")
    reasons: Reasons = [
        DISMISSED,
        (NOT_YOURS, ~Q(pk__in=moderated)),
        (gettext_lazy("follow these rules already"), Q(rule_set=rules)),
    ]
    if rules.branch_id:
        other = ~Q(branch_id=rules.branch_id) | Q(branch=None)
        reasons.append((gettext_lazy("of another branch than the rules"), other))
    return reasons


def _rules_apply(groups: Sequence[Group], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    rules = RuleSet.objects.get(pk=params["rule_set"])
    outcomes: dict[int, Outcome] = {}
    for group in groups:
        before = group.rule_set_id
        try:
            group_rule_set_assign(by=by, group=group, rule_set=rules)
            outcomes[group.pk] = Changed({"rule_set": before})
        except ValidationError as error:
            outcomes[group.pk] = _refused(error)
    return outcomes


def _rules_undo(rows: Undo, params: Params, by: User, now: datetime) -> dict[int, str]:
    kept = {}
    earlier = RuleSet.objects.in_bulk({undo["rule_set"] for _group, undo in rows if undo["rule_set"]})
    permitted = set(Group.objects.permitted(by, Permission.MODERATE).values_list("pk", flat=True))
    for group, undo in rows:
        if group.pk not in permitted:
            kept[group.pk] = str(NOT_YOURS)
        elif str(group.rule_set_id) != params["rule_set"]:
            kept[group.pk] = _("follows other rules since")
        elif undo["rule_set"] and undo["rule_set"] not in earlier:
            kept[group.pk] = _("the rules it had are gone")
        else:
            before = earlier.get(undo["rule_set"])
            try:
                group_rule_set_assign(by=by, group=group, rule_set=before)
            except ValidationError as error:
                kept[group.pk] = " ".join(error.messages)
    return kept


# Tags


def _names(params: Params) -> list[str]:
    return params["tags"].replace("，", ",").replace("、", ",").split(",")


def _tag_apply(groups: Sequence[Group], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    try:
        tags = tags_named(names=_names(params), branch=by.branch)
    except ValidationError as error:
        return {group.pk: _refused(error) for group in groups}
    outcomes: dict[int, Outcome] = {}
    for group in groups:
        added, _removed = group_tags_change(by=by, group=group, add=tags)
        outcomes[group.pk] = Changed({"tags": added}) if added else Unchanged(_("has these tags already"))
    return outcomes


def _tag_undo(rows: Undo, params: Params, by: User, now: datetime) -> dict[int, str]:
    tags = GroupTag.objects.in_bulk({pk for _group, undo in rows for pk in undo["tags"]})
    kept = {}
    for group, undo in rows:
        mine = [tags[pk] for pk in undo["tags"] if pk in tags]
        _added, removed = group_tags_change(by=by, group=group, remove=mine)
        if not removed:
            kept[group.pk] = _("the tags were taken off since")
    return kept


def group_tags_visible(user: User) -> list[tuple[str, Text]]:
    tags = GroupTag.objects.all()
    if user.branch_id:
        tags = tags.filter(Q(branch=None) | Q(branch_id=user.branch_id))
    return [(str(tag.pk), tag.name) for tag in tags]


def _has_tag(params: Params) -> Q:
    return Q(Exists(Group.tags.through.objects.filter(group=OuterRef("pk"), grouptag=int(params["tag"]))))


def _untag_apply(groups: Sequence[Group], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    tag = GroupTag.objects.get(pk=params["tag"])
    outcomes: dict[int, Outcome] = {}
    for group in groups:
        group_tags_change(by=by, group=group, remove=[tag])
        outcomes[group.pk] = Changed({})
    return outcomes


def _untag_undo(rows: Undo, params: Params, by: User, now: datetime) -> dict[int, str]:
    tag = GroupTag.objects.filter(pk=params["tag"]).first()
    kept = {}
    for group, _undo in rows:
        if tag is None:
            kept[group.pk] = _("the tag is gone")
        elif not group_tags_change(by=by, group=group, add=[tag])[0]:
            kept[group.pk] = _("has the tag again since")
    return kept


# Staff


def _people(user: User) -> list[tuple[str, Text]]:
    people = User.objects.visible_to(user).filter(is_active=True).exclude(role=Role.MANAGER)
    return [(str(person.pk), str(person)) for person in people.order_by("display_name", "username")]


def _roles(_user: User) -> list[tuple[str, Text]]:
    return [(role.value, role.label) for role in STAFF_ROLES]


def _staff_reasons(user: User, params: Params) -> Reasons:
    person = User.objects.get(pk=params["person"])
    held = StaffRole.objects.filter(group=OuterRef("pk"), user=person, role=params["role"])
    reasons: Reasons = [DISMISSED, (gettext_lazy("the person holds this role already"), Exists(held))]
    if not user.is_admin:
        # As may_name_staff() has it: while a group has an owner, they decide.
        owners = StaffRole.objects.filter(group=OuterRef("pk"), role=GroupRole.OWNER)
        reasons.append((NOT_YOURS, Q(Exists(owners)) & ~Q(Exists(owners.filter(user=user)))))
    if person.branch_id:
        other = ~Q(branch_id=person.branch_id) | Q(branch=None)
        reasons.append((gettext_lazy("of another branch than the person"), other))
    return reasons


def _staff_apply(groups: Sequence[Group], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    person = User.objects.get(pk=params["person"])
    owners = dict(StaffRole.objects.filter(group__in=groups, role=GroupRole.OWNER).values_list("group_id", "user_id"))
    outcomes: dict[int, Outcome] = {}
    for group in groups:
        try:
            staff_role_grant(by=by, now=now, group=group, user=person, role=params["role"])
        except ValidationError as error:
            outcomes[group.pk] = _refused(error)
        else:
            replaced = owners.get(group.pk) if params["role"] == GroupRole.OWNER else None
            outcomes[group.pk] = Changed({"replaced": replaced})
    return outcomes


def _staff_undo(rows: Undo, params: Params, by: User, now: datetime) -> dict[int, str]:
    person = User.objects.filter(pk=params["person"]).first()
    earlier = User.objects.in_bulk({undo["replaced"] for _group, undo in rows if undo.get("replaced")})
    kept = {}
    for group, undo in rows:
        if not may_name_staff(by, group):
            kept[group.pk] = str(NOT_YOURS)
        elif person is None or not staff_role_revoke(by=by, now=now, group=group, user=person, role=params["role"]):
            kept[group.pk] = _("the role was changed since")
        elif before := earlier.get(undo.get("replaced")):
            try:
                staff_role_grant(by=by, now=now, group=group, user=before, role=params["role"])
            except ValidationError as error:
                kept[group.pk] = " ".join(error.messages)
    return kept


def _staff_sentence(user: User, params: Params) -> str:
    names = {"name": User.objects.get(pk=params["person"]), "role": GroupRole(params["role"]).label}
    return _("Name %(name)s as %(role)s") % names


# Archive and restore


def _archive_apply(groups: Sequence[Group], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    return {group.pk: Changed({}) for group in groups if group_archive(by=by, group=group)}


def _archive_undo(rows: Undo, params: Params, by: User, now: datetime) -> dict[int, str]:
    closed = [group for group, _undo in rows]
    return {group.pk: _("is not archived any more") for group in closed if not group_restore(by=by, group=group)}


def _restore_apply(groups: Sequence[Group], params: Params, by: User, now: datetime) -> dict[int, Outcome]:
    return {group.pk: Changed({}) for group in groups if group_restore(by=by, group=group)}


def _restore_undo(rows: Undo, params: Params, by: User, now: datetime) -> dict[int, str]:
    opened = [group for group, _undo in rows]
    return {group.pk: _("is closed already") for group in opened if not group_archive(by=by, group=group)}


def register() -> None:
    register_subject(BulkSubject("group", gettext_lazy("Groups"), Group))
    for action in (
        BulkAction(
            slug="group.rules",
            subject="group",
            label=gettext_lazy("Assign rules"),
            icon="shield-check",
            questions=(Question("rule_set", gettext_lazy("Rules"), choices=_rule_sets),),
            sentence=lambda user, params: (
                _("Assign the rules %(name)s") % {"name": RuleSet.objects.get(pk=params["rule_set"])}
            ),
            unchanged=_rules_reasons,
            apply=_rules_apply,
            undo=_rules_undo,
        ),
        BulkAction(
            slug="group.tag",
            subject="group",
            label=gettext_lazy("Put tags on"),
            icon="tag",
            questions=(
                Question("tags", gettext_lazy("Tags"), gettext_lazy("Separate them by commas; new ones are made.")),
            ),
            sentence=lambda user, params: _("Put on the tags %(names)s") % {"names": params["tags"]},
            apply=_tag_apply,
            undo=_tag_undo,
        ),
        BulkAction(
            slug="group.untag",
            subject="group",
            label=gettext_lazy("Take a tag off"),
            icon="tags",
            questions=(Question("tag", gettext_lazy("Tag"), choices=group_tags_visible),),
            sentence=lambda user, params: (
                _("Take off the tag %(name)s") % {"name": GroupTag.objects.get(pk=params["tag"])}
            ),
            unchanged=lambda user, params: [(gettext_lazy("do not have the tag"), ~_has_tag(params))],
            apply=_untag_apply,
            undo=_untag_undo,
        ),
        BulkAction(
            slug="group.staff",
            subject="group",
            label=gettext_lazy("Name an owner or administrator"),
            icon="user-cog",
            questions=(
                Question("person", gettext_lazy("Person"), choices=_people),
                Question("role", gettext_lazy("Role"), choices=_roles),
            ),
            sentence=_staff_sentence,
            unchanged=_staff_reasons,
            apply=_staff_apply,
            undo=_staff_undo,
        ),
        BulkAction(
            slug="group.archive",
            subject="group",
            label=gettext_lazy("Archive"),
            icon="archive",
            sentence=lambda user, params: _("Archive"),
            unchanged=lambda user, params: [
                (gettext_lazy("closed already"), Q(state__in=[GroupState.ARCHIVED, GroupState.DISMISSED]))
            ],
            apply=_archive_apply,
            undo=_archive_undo,
        ),
        BulkAction(
            slug="group.restore",
            subject="group",
            label=gettext_lazy("Open again"),
            icon="refresh",
            sentence=lambda user, params: _("Open again"),
            unchanged=lambda user, params: [(gettext_lazy("not archived"), ~Q(state=GroupState.ARCHIVED))],
            apply=_restore_apply,
            undo=_restore_undo,
        ),
    ):
        register_action(action)
