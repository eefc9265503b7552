"""Every change of rule sets and their versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import Branch, User
from groups.models import Group
from groups.rules.content import (
    RuleContent,
    VersionContent,
    content_check,
    content_data,
    content_read,
    details_seen,
    fingerprint,
    rule_check,
    rule_data,
    rule_seen,
    starting_content,
    version_content,
)
from groups.rules.models import Rule, RuleSet, RuleSetVersion, VersionState


class StaleDraft(Exception):
    """Somebody else was quicker. `version` and `content` are how the draft stands now; nothing was saved."""

    def __init__(self, version: RuleSetVersion, content: VersionContent) -> None:
        super().__init__(version.pk)
        self.version, self.content = version, content


class NotADraft(Exception):
    """The version is in force, retired or gone: it never changes any more."""


class DraftWaiting(Exception):
    """The rule set has a draft already, which would be lost; `version` is it."""

    def __init__(self, version: RuleSetVersion) -> None:
        super().__init__(version.pk)
        self.version = version


class RuleSetInUse(Exception):
    """Groups follow the rule set; `groups` is how many."""

    def __init__(self, groups: int) -> None:
        super().__init__(groups)
        self.groups = groups


@dataclass(frozen=True)
class Saved:
    """A draft as it was saved."""

    version: RuleSetVersion
    content: VersionContent


def rule_set_create(
    *, by: User | None, now: datetime, name: str, branch: Branch | None = None, content: VersionContent | None = None
) -> RuleSet:
    """A rule set with a draft; without `content` the draft holds the rules that come with the product.

    Raises ValidationError when the name is missing or taken, ContentError.
    """
    content = content_check(content) if content else starting_content()
    with transaction.atomic():
        rule_set = RuleSet(name=name.strip(), branch=branch, created_at=now)
        rule_set.full_clean()
        rule_set.save()
        draft = RuleSetVersion.objects.create(rule_set=rule_set, number=1, created_at=now, created_by=by)
        _write(draft, content)
        audit_record(by=by, action="rule_set.created", subject=rule_set, after={"name": rule_set.name})
    return rule_set


def rule_set_rename(*, by: User, rule_set: RuleSet, name: str) -> RuleSet:
    """Raises ValidationError when the name is missing or taken."""
    with transaction.atomic():
        current = RuleSet.objects.select_for_update(no_key=True).get(pk=rule_set.pk)
        before, current.name = current.name, name.strip()
        current.full_clean()
        if before != current.name:
            current.save(update_fields=["name"])
            audit_record(
                by=by,
                action="rule_set.renamed",
                subject=current,
                before={"name": before},
                after={"name": current.name},
            )
    rule_set.name = current.name
    return current


def rule_set_copy(*, by: User, now: datetime, rule_set: RuleSet, name: str, branch: Branch | None = None) -> RuleSet:
    """Another rule set whose draft says what this one says: its version in force, else its newest."""
    newest = rule_set.versions.order_by("-number")
    source = newest.filter(state=VersionState.PUBLISHED).first() or newest.get()
    return rule_set_create(by=by, now=now, name=name, branch=branch, content=version_content(source))


def rule_set_from_preset(
    *, by: User | None, now: datetime, rules: list[dict[str, Any]], name: str, branch: Branch | None = None
) -> RuleSet:
    """The rule set of this name, made and put in force from rules as files hold them (content_data); one that exists
    already is left as it is. Raises ContentError."""
    content = content_read({"rules": rules})
    with transaction.atomic():
        found = RuleSet.objects.in_use().filter(name=name, branch=branch).first()
        if found is not None:
            return found
        # An archived one keeps its name.
        free, number = name, 1
        while RuleSet.objects.filter(name=free, branch=branch).exists():
            number += 1
            free = f"{name} {number}"
        rule_set = rule_set_create(by=by, now=now, name=free, branch=branch, content=content)
        version_publish(by=by, now=now, version=rule_set.versions.get(), revision=1)
    return rule_set


def rule_set_archive(*, by: User, now: datetime, rule_set: RuleSet) -> bool:
    """Takes a rule set out of use. False when it is out of use already. Raises RuleSetInUse."""
    with transaction.atomic():
        current = RuleSet.objects.select_for_update().get(pk=rule_set.pk)
        if current.archived_at:
            return False
        if groups := current.groups.count():
            raise RuleSetInUse(groups)
        current.archived_at = now
        current.save(update_fields=["archived_at"])
        audit_record(by=by, action="rule_set.archived", subject=current)
    return True


def rule_set_restore(*, by: User, rule_set: RuleSet) -> bool:
    """Undoes rule_set_archive."""
    with transaction.atomic():
        changed = RuleSet.objects.filter(pk=rule_set.pk).exclude(archived_at=None).update(archived_at=None)
        if changed:
            audit_record(by=by, action="rule_set.restored", subject=rule_set)
    return bool(changed)


def draft_open(*, by: User | None, now: datetime, rule_set: RuleSet) -> RuleSetVersion:
    """The draft of a rule set; where there is none, one that says what the version in force says."""
    with transaction.atomic():
        _lock(rule_set.pk)
        draft = rule_set.versions.filter(state=VersionState.DRAFT).first()
        if draft is None:
            source = rule_set.versions.filter(state=VersionState.PUBLISHED).first()
            draft = _draft(by, now, rule_set, version_content(source) if source else starting_content())
    return draft


def draft_save(
    *, by: User | None, now: datetime, version: RuleSetVersion, revision: int, content: VersionContent
) -> Saved:
    """Replaces all that a draft says. `revision` is the one that was read: an older one is refused with StaleDraft, so
    nobody's work is lost. Raises ContentError, NotADraft."""
    content = content_check(content)

    def change(current: RuleSetVersion, stands: VersionContent) -> VersionContent:
        if current.revision != revision:
            raise StaleDraft(current, stands)
        return content

    return _change(by, version, change)


def draft_rule_save(*, by: User, now: datetime, version: RuleSetVersion, seen: str, rule: RuleContent) -> Saved:
    """Saves one rule of a draft, a new one at the end. `seen` is rule_seen() of it when the person began; changes of
    other rules in the meantime stay, a change of this one is StaleDraft. Raises ContentError, NotADraft."""
    rule = rule_check(rule)

    def change(current: RuleSetVersion, stands: VersionContent) -> VersionContent:
        if not rule.code:
            return replace(stands, rules=(*stands.rules, rule))
        if rule_seen(stands.rule(rule.code)) != seen:
            raise StaleDraft(current, stands)
        if stands.rule(rule.code) is None:
            return replace(stands, rules=(*stands.rules, rule))
        return replace(stands, rules=tuple(rule if one.code == rule.code else one for one in stands.rules))

    return _change(by, version, change)


def draft_rule_remove(*, by: User, now: datetime, version: RuleSetVersion, code: str, seen: str) -> Saved:
    """Takes a rule out of a draft. Raises StaleDraft when somebody changed it since it was `seen`, NotADraft."""

    def change(current: RuleSetVersion, stands: VersionContent) -> VersionContent:
        if rule_seen(stands.rule(code)) != seen:
            raise StaleDraft(current, stands)
        return replace(stands, rules=tuple(rule for rule in stands.rules if rule.code != code))

    return _change(by, version, change)


def draft_rules_order(*, by: User, now: datetime, version: RuleSetVersion, codes: Sequence[str]) -> Saved:
    """Puts the rules in this order. Raises StaleDraft when the draft has other rules by now, NotADraft."""

    def change(current: RuleSetVersion, stands: VersionContent) -> VersionContent:
        by_code = {rule.code: rule for rule in stands.rules}
        if sorted(codes) != sorted(by_code):
            raise StaleDraft(current, stands)
        return replace(stands, rules=tuple(by_code[code] for code in codes))

    return _change(by, version, change)


def draft_details_save(
    *,
    by: User,
    now: datetime,
    version: RuleSetVersion,
    seen: str,
    preamble: str,
    ladder: Sequence[dict[str, Any]],
    strike_days: int,
) -> Saved:
    """Saves what stands beside the rules. Raises StaleDraft when somebody changed it since it was `seen`
    (details_seen), ContentError, NotADraft."""

    def change(current: RuleSetVersion, stands: VersionContent) -> VersionContent:
        if details_seen(stands) != seen:
            raise StaleDraft(current, stands)
        return replace(stands, preamble=preamble, ladder=tuple(ladder), strike_days=strike_days)

    return _change(by, version, change)


def draft_discard(*, by: User, version: RuleSetVersion) -> None:
    """Throws a draft away. The only version of a rule set stays: there is nothing else to show. Raises NotADraft."""
    with transaction.atomic():
        rule_set = _lock(version.rule_set_id)
        current = _current_draft(version)
        if not rule_set.versions.exclude(pk=current.pk).exists():
            raise ValidationError(_("This is the only version. Archive the rule set instead."))
        said = content_data(version_content(current))
        number = current.number
        current.delete()
        audit_record(by=by, action="rule_set.draft_discarded", subject=rule_set, before={"version": number, **said})


def version_publish(
    *,
    by: User | None,
    now: datetime,
    version: RuleSetVersion,
    revision: int,
    reacknowledge: bool = False,
    note: str = "",
) -> RuleSetVersion:
    """Puts a draft in force for all groups that follow the rule set; the version before it is retired.

    `revision` is the one that was read. With `reacknowledge` members who had read an earlier version are asked again.
    Raises StaleDraft, NotADraft, ValidationError for a draft without rules.
    """
    with transaction.atomic():
        rule_set = _lock(version.rule_set_id)
        current = _current_draft(version)
        content = version_content(current)
        if current.revision != revision:
            raise StaleDraft(current, content)
        if not content.rules:
            raise ValidationError(_("Write at least one rule before publishing."))
        before = rule_set.versions.filter(state=VersionState.PUBLISHED).first()
        was = version_content(before) if before else VersionContent()
        rule_set.versions.filter(state=VersionState.PUBLISHED).update(state=VersionState.RETIRED)
        current.state, current.published_at, current.published_by = VersionState.PUBLISHED, now, by
        current.reacknowledge, current.note = reacknowledge, note.strip()
        current.full_clean(exclude=["rule_set", "created_by", "published_by", "ladder"], validate_constraints=False)
        current.save()
        audit_record(
            by=by,
            action="rule_set.published",
            subject=rule_set,
            before={"version": before.number} | _told(was, beside=content) if before else None,
            after={"version": current.number, "reacknowledge": reacknowledge} | _told(content, beside=was),
        )
    return current


def version_restore(*, by: User, now: datetime, version: RuleSetVersion) -> RuleSetVersion:
    """A draft that says what an older version said. Raises DraftWaiting when there is a draft already."""
    with transaction.atomic():
        rule_set = _lock(version.rule_set_id)
        waiting = rule_set.versions.filter(state=VersionState.DRAFT).first()
        if waiting is not None:
            raise DraftWaiting(waiting)
        return _draft(by, now, rule_set, version_content(version))


def group_rule_set_assign(*, by: User | None, group: Group, rule_set: RuleSet | None) -> bool:
    """Lets a group follow a rule set, or none. False when it does already. Raises ValidationError for a rule set that
    is archived or of another branch."""
    with transaction.atomic():
        # A rule set that is being archived waits, or is archived already.
        if rule_set is not None:
            chosen = RuleSet.objects.select_for_update(no_key=True).get(pk=rule_set.pk)
            if not RuleSet.objects.fitting(group).filter(pk=chosen.pk).exists():
                raise ValidationError(_("These rules are not for this group."))
        current = Group.objects.select_for_update(no_key=True).get(pk=group.pk)
        if current.rule_set_id == (rule_set.pk if rule_set else None):
            return False
        before = current.rule_set_id
        current.rule_set = rule_set
        current.save(update_fields=["rule_set"])
        audit_record(
            by=by,
            action="group.rules_assigned",
            subject=current,
            before={"rule_set_id": before},
            after={"rule_set_id": rule_set.pk if rule_set else None},
        )
    group.rule_set = rule_set
    return True


Change = Callable[[RuleSetVersion, VersionContent], VersionContent]


def _change(by: User | None, version: RuleSetVersion, change: Change) -> Saved:
    with transaction.atomic():
        rule_set = _lock(version.rule_set_id)
        current = _current_draft(version)
        stands = version_content(current)
        wanted = content_check(change(current, stands))
        if wanted != stands:
            current.revision += 1
            _write(current, wanted)
            audit_record(
                by=by,
                action="rule_set.draft_saved",
                subject=rule_set,
                before=_told(stands, beside=wanted),
                after={"version": current.number} | _told(wanted, beside=stands),
            )
    version.revision = current.revision
    return Saved(current, wanted)


def _told(content: VersionContent, *, beside: VersionContent) -> dict[str, Any]:
    """What the audit trail keeps of a change: only what differs, rule by rule."""
    data, other = content_data(content), content_data(beside)
    told = {name: data[name] for name in ("preamble", "ladder", "strike_days") if data[name] != other[name]}
    told |= {rule.code: rule_data(rule) for rule in content.rules if beside.rule(rule.code) != rule}
    order = [rule.code for rule in content.rules]
    return told | ({"rules": order} if order != [rule.code for rule in beside.rules] else {})


def _lock(rule_set_id: int) -> RuleSet:
    """All changes of one rule set and its versions wait for each other."""
    return RuleSet.objects.select_for_update(no_key=True).get(pk=rule_set_id)


def _current_draft(version: RuleSetVersion) -> RuleSetVersion:
    current = RuleSetVersion.objects.filter(pk=version.pk, state=VersionState.DRAFT).first()
    if current is None:
        raise NotADraft
    return current


def _draft(by: User | None, now: datetime, rule_set: RuleSet, content: VersionContent) -> RuleSetVersion:
    newest = rule_set.versions.order_by("-number").values_list("number", flat=True).first() or 0
    draft = RuleSetVersion.objects.create(rule_set=rule_set, number=newest + 1, created_at=now, created_by=by)
    _write(draft, content_check(content))
    audit_record(by=by, action="rule_set.draft_opened", subject=rule_set, after={"version": draft.number})
    return draft


def _write(version: RuleSetVersion, content: VersionContent) -> None:
    """Puts content into the rows of a draft."""
    version.preamble, version.ladder = content.preamble, [dict(step) for step in content.ladder]
    version.strike_days, version.fingerprint = content.strike_days, fingerprint(content.rules)
    version.save()
    version.rules.all().delete()
    Rule.objects.bulk_create(
        Rule(
            version=version,
            position=position,
            **{name: getattr(rule, name) for name in RuleContent.__dataclass_fields__},
        )
        for position, rule in enumerate(content.rules)
    )
