"""Changing presets, and taking over what they bring."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.audit import audit_record
from accounts.models import User
from groups.models import Group, GroupPlan, PresetEdit
from groups.presets.reading import Preset, preset_parse
from groups.presets.selectors import preset_for, shipped_text
from groups.rules.services import group_rule_set_assign, rule_set_from_preset


class StalePreset(Exception):
    """Somebody else saved the preset since it was opened; `text` and `version` are how it stands now."""

    def __init__(self, text: str, version: int) -> None:
        super().__init__(version)
        self.text, self.version = text, version


def preset_save(*, by: User, now: datetime, motivation: str, text: str, version: int) -> Preset:
    """Keeps a changed preset. `version` is the one that was opened (of PresetEdit; 0: none).

    Raises PresetErrors when the text cannot be used, StalePreset when somebody else was quicker.
    """
    preset = preset_parse(text, motivation=motivation)
    _write(by, now, motivation, text, version, "preset.saved")
    return preset


def preset_reset(*, by: User, now: datetime, motivation: str, version: int) -> None:
    """Goes back to the shipped preset. Raises StalePreset."""
    _write(by, now, motivation, "", version, "preset.reset")


def preset_version(motivation: str) -> int:
    """The number that preset_save() wants back. It grows with each save and each reset."""
    return PresetEdit.objects.filter(motivation=motivation).values_list("version", flat=True).first() or 0


def _write(by: User, now: datetime, motivation: str, text: str, version: int, action: str) -> None:
    with transaction.atomic():
        # The row is made first, so that there is something to lock: two first changes wait for each other as well.
        PresetEdit.objects.get_or_create(motivation=motivation, defaults={"text": "", "changed_at": now})
        edit = PresetEdit.objects.select_for_update().get(motivation=motivation)
        if edit.version != version:
            raise StalePreset(edit.text or shipped_text(motivation), edit.version)
        before, after = edit.text or shipped_text(motivation), text or shipped_text(motivation)
        edit.text, edit.version, edit.changed_at, edit.changed_by = text, version + 1, now, by
        edit.save()
        audit_record(
            by=by,
            action=action,
            subject=edit,
            before={"text": before},
            after={"text": after},
        )


def preset_apply(*, by: User, now: datetime, group: Group) -> GroupPlan:
    """Gives a group what the preset of its motivation brings, where it has nothing yet: the plan with its content mix,
    and rules. The groups of one motivation share the rules that were made from its preset."""
    preset = preset_for(group.motivation)
    with transaction.atomic():
        plan, made = GroupPlan.objects.get_or_create(
            group=group,
            defaults={
                "motivation": group.motivation,
                "mix": preset.mix,
                "days": [{"day": step.day, "title": step.title, "text": step.text} for step in preset.days],
                "noise_ceiling": preset.noise_ceiling,
                "starts_on": timezone.localdate(now),
            },
        )
        if made:
            audit_record(by=by, action="group.planned", subject=group, after={"motivation": group.motivation})
        if group.rule_set_id is None:
            rules = rule_set_from_preset(by=by, now=now, rules=preset.rules, name=preset.rules_name)
            group_rule_set_assign(by=by, group=group, rule_set=rules)
    return plan
