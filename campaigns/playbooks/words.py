"""What the entries about playbooks mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.history import Subject, actions, labels, subjects
from campaigns.playbooks.models import Playbook, PlaybookRun


def register() -> None:
    subjects("campaigns.playbook", Subject(_("Playbook"), Playbook.objects.visible_to, "campaigns:playbook"))
    subjects(
        "campaigns.playbookrun",
        Subject(_("Run of a playbook"), PlaybookRun.objects.visible_to, "campaigns:playbook_run"),
    )
    actions(
        {
            "playbook.created": _("Playbook created"),
            "playbook.changed": _("Playbook changed"),
            "playbook.running": _("Playbook runs"),
            "playbook.paused": _("Playbook paused"),
            "playbook.retired": _("Playbook retired"),
            "playbook.run_started": _("Run of a playbook started by hand"),
            "playbook.run_stopped": _("Run of a playbook stopped"),
            "playbook.run_continued": _("Run of a playbook continued"),
            "playbook.step_skipped": _("Step of a playbook skipped"),
            "playbook.step_planned": _("Step of a playbook planned again"),
            "playbook.switched_off": _("Playbook switched off in a group"),
            "playbook.switched_on": _("Playbook switched on in a group"),
        }
    )
    labels({"steps": _("steps"), "step": _("step"), "playbook": _("playbook")})
