"""What the entries about saved reports mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from analytics.saved.models import SavedReport, Sharing


def register() -> None:
    subjects(
        "analytics.savedreport", Subject(_("Saved report"), SavedReport.objects.visible_to, "analytics:saved_report")
    )
    actions(
        {
            "report.saved": pgettext_lazy("history", "Report saved"),
            "report.changed": pgettext_lazy("history", "Saved report renamed or shared"),
            "report.deleted": pgettext_lazy("history", "Saved report deleted"),
            "report.restored": pgettext_lazy("history", "Saved report brought back"),
        }
    )
    labels(choices={"sharing": dict(Sharing.choices).get})
