"""What the entries about groups mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from accounts.models import AuditEntry
from delivery.models import Kind
from groups.models import Group, Permission
from groups.roles.permissions import ROW_LABELS


def _cell(entry: AuditEntry) -> str:
    role, permission = entry.after.get("role", ""), entry.after.get("permission", "")
    return f"{ROW_LABELS.get(role, role)} · {dict(Permission.choices).get(permission, permission)}"


def _role_of(entry: AuditEntry) -> str:
    role = entry.after.get("role", "")
    return str(ROW_LABELS.get(role, role))


def register() -> None:
    subjects("groups.group", Subject(_("Group"), Group.objects.visible_to, "groups:detail"))
    subjects("groups.rolepermission", Subject(_("Permission"), name=_cell))
    subjects("groups.duty", Subject(_("Duties"), name=_role_of))
    actions(
        {
            "group.created": _("Group made"),
            "group.updated": _("Group changed"),
            "group.archived": _("Group archived"),
            "group.restored": _("Group opened again"),
            "group.channel_changed": _("Channel changed"),
            "group.channel_tested": _("Channel tested"),
            "group.channel_enabled": _("Channel switched on again"),
            "group.page_renewed": _("Member page given a new address"),
            "group.staff_named": _("Owner or administrator named"),
            "group.staff_released": _("Owner or administrator released"),
            "permission.changed": _("Permission changed"),
            "duty.changed": _("Duties changed"),
        }
    )
    labels(
        {
            "allowed": pgettext_lazy("history", "allowed"),
            "permission": pgettext_lazy("history", "permission"),
            "new_secret": _("new secret"),
            "duties": _("duties"),
        },
        choices={
            "role": ROW_LABELS.get,
            "permission": dict(Permission.choices).get,
            "kind": dict(Kind.choices).get,
        },
    )
