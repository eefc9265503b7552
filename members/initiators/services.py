"""Every change of a group's initiator programme."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from groups.models import Group
from members.initiators.models import InitiatorProgramme, KitItem

FIELDS = ("offer", "asks", "window_days", "min_invited", "min_active_days", "min_messages", "min_answers")
MOST_MATERIAL = 50


class StaleProgramme(Exception):
    """Somebody else changed the programme since the form was opened; `programme` is as it stands now."""

    def __init__(self, programme: InitiatorProgramme) -> None:
        super().__init__(programme)
        self.programme = programme


def programme_save(
    *, by: User, now: datetime, group: Group, changes: dict[str, Any], version: int | None = None
) -> InitiatorProgramme:
    """Writes what a group offers its initiators; the first time makes the programme. With `version` (0 while there is
    none) a change that somebody else made meanwhile is not overwritten: StaleProgramme. Raises ValidationError."""
    with transaction.atomic():
        # The row is made first, so that there is something to lock: two first changes wait for each other as well.
        InitiatorProgramme.objects.get_or_create(group=group, defaults={"changed_at": now, "version": 0})
        programme = InitiatorProgramme.objects.select_for_update().get(group=group)
        if version is not None and version != programme.version:
            raise StaleProgramme(programme)
        before, after = changed_fields(programme, changes)
        if after or not programme.version:
            for name, value in after.items():
                setattr(programme, name, value)
            programme.version, programme.changed_at = programme.version + 1, now
            programme.full_clean()
            programme.save()
            audit_record(by=by, action="initiators.updated", subject=group, before=before, after=after)
    return programme


def kit_add(*, by: User, now: datetime, group: Group, sort: str, title: str, text: str = "", url: str = "") -> KitItem:
    """Adds a piece of material for the initiators of a group. Raises ValidationError by field."""
    with transaction.atomic():
        programme, _made = InitiatorProgramme.objects.get_or_create(group=group, defaults={"changed_at": now})
        item = KitItem(programme=programme, sort=sort, title=title.strip(), text=text.strip(), url=url.strip())
        needed = "text" if sort == "text" else "url"
        if not getattr(item, needed):
            raise ValidationError({needed: _("This kind of material needs it.")})
        if programme.kit.count() >= MOST_MATERIAL:
            raise ValidationError(_("A kit holds at most %(number)d pieces.") % {"number": MOST_MATERIAL})
        item.full_clean()
        item.save()
        audit_record(by=by, action="initiators.kit_added", subject=group, after={"title": item.title})
    return item


def kit_remove(*, by: User, item: KitItem) -> bool:
    """Takes a piece of material away. False when somebody else was quicker."""
    with transaction.atomic():
        if not KitItem.objects.filter(pk=item.pk).delete()[0]:
            return False
        before = {"title": item.title, "text": item.text or item.url}
        audit_record(by=by, action="initiators.kit_removed", subject=item.programme.group, before=before)
    return True
