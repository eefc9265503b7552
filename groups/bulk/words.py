"""What the entries about bulk work, presets, tags and grades mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, labels, subjects
from groups.models import BulkRun


def register() -> None:
    subjects("groups.bulkrun", Subject(_("Bulk work"), BulkRun.objects.visible_to, "groups:bulk_run"))
    subjects("groups.presetedit", Subject(_("Preset")))
    subjects("groups.grade", Subject(_("Grade")))
    actions(
        {
            "bulk.started": _("Bulk work started"),
            "bulk.undone": _("Bulk work taken back"),
            "preset.saved": _("Preset changed"),
            "preset.reset": _("Preset reset to the shipped one"),
            "group.opened": _("Group opened"),
            "group.planned": _("Plan of the first days taken over"),
            "group.tagged": _("Tags of a group changed"),
            "grade.created": _("Grade added"),
            "grade.updated": _("Grade changed"),
            "grade.deleted": _("Grade deleted"),
        }
    )
    labels({"rows": _("rows"), "tags": _("tags"), "names": _("names"), "position": _("position")})
