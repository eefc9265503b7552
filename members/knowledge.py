"""What this app tells the registries about members as such: filters, timeline, erasing, retention, words of the
audit trail."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, policies, subjects
from members.models import FieldDefinition, Segment, Tag
from members.privacy import retention, standard
from members.privacy.requests import ERASE, register_task_kind
from members.segments.fields import register_fields
from members.tags.bulk import register_actions
from members.timeline.standard import register_sources

__all__ = ["ERASE", "register"]


def register() -> None:
    register_fields()
    register_sources()
    register_actions()
    register_task_kind()
    standard.register_treatments()
    retention.register_kinds()
    subjects("members.tag", Subject(_("Tag"), Tag.objects.visible_to, "members:tag"))
    subjects("members.segment", Subject(_("Segment"), Segment.objects.visible_to, "members:segment"))
    subjects("members.fielddefinition", Subject(_("Member field"), FieldDefinition.objects.visible_to, "members:field"))
    subjects("members.note", Subject(_("Note"), name=lambda _entry: _("A note about a member")))
    subjects("members.retentionrun", Subject(_("Data retention")))
    policies({retention.RetentionPolicy.KEY: _("Data retention")})
    actions(
        {
            "member.created": _("Member added"),
            "member.tagged": _("Tag put on a member"),
            "member.untagged": _("Tag taken off a member"),
            "member.merged": _("Members merged"),
            "member.parted": _("Merge taken back"),
            "member.not_duplicate": _("Said to be no duplicate"),
            "member.exported": _("Copy of a member's data asked for"),
            "member.erased": _("Member erased"),
            "note.added": _("Note written"),
            "note.deleted": _("Note deleted"),
            "tag.created": _("Tag made"),
            "tag.updated": _("Tag changed"),
            "tag.deleted": _("Tag deleted"),
            "segment.created": _("Segment made"),
            "segment.members_kept": _("Members kept as a segment"),
            "segment.updated": _("Segment changed"),
            "segment.deleted": _("Segment deleted"),
            "field.created": _("Member field made"),
            "field.updated": _("Member field changed"),
            "field.archived": _("Member field taken out of use"),
            "field.restored": _("Member field used again"),
            "retention.applied": _("Old data deleted"),
        }
    )
    labels(
        {
            "tag": _("tag"),
            "rule": pgettext_lazy("tag", "rule"),
            "definition": _("conditions"),
            "merged": _("merged"),
            "fields": _("own fields"),
            "members": pgettext_lazy("history", "members"),
            "days": pgettext_lazy("history", "days"),
        }
    )
