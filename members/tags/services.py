"""Every change of tags, and of who has them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import Branch, User
from members.models import Member, MemberTag, Tag, TagSource
from members.segments.filters import definition_check, members_matching, viewer_of

CHUNK = 2000


def tag_create(
    *, by: User | None, now: datetime, name: str, branch: Branch | None = None, rule: dict[str, Any] | None = None
) -> Tag:
    """Makes a tag; with a `rule` (a definition of a segment) it is put on at once. Staff of a branch make tags of their
    branch. Raises ValidationError by field."""
    if by is not None and by.branch_id is not None:
        branch = by.branch
    tag = Tag(name=name.strip(), branch=branch, rule=rule, created_at=now)
    _check_rule(rule, by)
    with transaction.atomic():
        _save(tag)
        audit_record(by=by, action="tag.created", subject=tag, after={"name": tag.name, "rule": rule})
        if rule:
            tag_apply_rule(tag=tag, now=now)
    return tag


def tag_update(*, by: User, now: datetime, tag: Tag, name: str, rule: dict[str, Any] | None) -> Tag:
    """Changes the name or the rule of a tag. With another rule it is put on and taken off anew at once; a tag that
    loses its rule stays where it is and is people's from then on. Raises ValidationError by field."""
    _check_rule(rule, by)
    with transaction.atomic():
        current = Tag.objects.select_for_update().get(pk=tag.pk)
        before: dict[str, Any] = {"name": current.name, "rule": current.rule}
        after: dict[str, Any] = {"name": name.strip(), "rule": rule}
        if before == after:
            return current
        current.name, current.rule = after["name"], rule
        _save(current)
        audit_record(by=by, action="tag.updated", subject=current, before=before, after=after)
        if rule and rule != before["rule"]:
            tag_apply_rule(tag=current, now=now)
    return current


def tag_delete(*, by: User, tag: Tag) -> int:
    """Deletes a tag, off everybody who has it; returns how many those were."""
    with transaction.atomic():
        number = tag.member_tags.count()
        audit_record(by=by, action="tag.deleted", subject=tag, before={"name": tag.name, "members": number})
        tag.delete()
    return number


def members_tag(
    *, by: User, now: datetime, tag: Tag, members: Collection[Member], source: str = TagSource.HAND
) -> list[int]:
    """Puts a tag on; returns the numbers of the members who did not have it. Raises ValidationError for a tag with a
    rule: the next run of the rule would take it off again."""
    _by_hand(tag)
    numbers = [member.pk for member in members]
    with transaction.atomic():
        had = set(MemberTag.objects.filter(tag=tag, member__in=numbers).values_list("member_id", flat=True))
        MemberTag.objects.bulk_create(
            [MemberTag(member_id=number, tag=tag, source=source, since=now, by=by) for number in numbers],
            ignore_conflicts=True,
            batch_size=500,
        )
        fresh = [member for member in members if member.pk not in had]
        for member in fresh:
            audit_record(by=by, action="member.tagged", subject=member, after={"tag": tag.name})
    return [member.pk for member in fresh]


def members_untag(*, by: User, tag: Tag, members: Collection[Member]) -> list[int]:
    """Takes a tag off; returns the numbers of the members who had it. Raises ValidationError for a tag with a rule."""
    _by_hand(tag)
    with transaction.atomic():
        rows = MemberTag.objects.filter(tag=tag, member__in=[member.pk for member in members])
        had = set(rows.values_list("member_id", flat=True))
        rows.delete()
        for member in members:
            if member.pk in had:
                audit_record(by=by, action="member.untagged", subject=member, before={"tag": tag.name})
    return sorted(had)


def tag_apply_rule(*, tag: Tag, now: datetime) -> tuple[int, int]:
    """Puts a rule's tag on whom the rule describes and takes it off everybody else; returns (put on, taken off)."""
    if tag.rule is None:
        return 0, 0
    with transaction.atomic():
        described = members_matching(tag.rule, user=viewer_of(tag.branch), now=now)
        wanted = set(described.values_list("pk", flat=True))
        had = set(MemberTag.objects.filter(tag=tag).values_list("member_id", flat=True))
        fresh, gone = sorted(wanted - had), sorted(had - wanted)
        for start in range(0, len(gone), CHUNK):
            MemberTag.objects.filter(tag=tag, member__in=gone[start : start + CHUNK]).delete()
        MemberTag.objects.bulk_create(
            [MemberTag(member_id=number, tag=tag, source=TagSource.RULE, since=now) for number in fresh],
            ignore_conflicts=True,
            batch_size=CHUNK,
        )
    return len(fresh), len(gone)


def tags_apply_rules(*, now: datetime) -> int:
    """Applies every rule; returns how many there are."""
    tags = Tag.objects.filter(rule__isnull=False).select_related("branch").order_by("pk")
    for tag in tags:
        tag_apply_rule(tag=tag, now=now)
    return len(tags)


def _by_hand(tag: Tag) -> None:
    if tag.rule is not None:
        raise ValidationError(_("This tag is put on and taken off by its rule."), code="rule_tag")


def _check_rule(rule: Any, by: User | None) -> None:
    errors = definition_check(rule, user=by) if rule is not None else []
    if errors:
        raise ValidationError({"rule": [f"{error.path}: {error.message}" for error in errors]})


def _save(tag: Tag) -> None:
    tag.full_clean(validate_constraints=False)
    try:
        with transaction.atomic():
            tag.save()
    except IntegrityError:
        raise ValidationError({"name": _("There is a tag of this name already.")}) from None
