"""What the entries about entry mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from members.entry.models import Application


def register() -> None:
    subjects("members.application", Subject(_("Application"), Application.objects.visible_to, "members:application"))
    actions(
        {
            "entry.changed": _("Entry of a group changed"),
            "entry.questions_changed": _("Questions of a group changed"),
            "entry.titles_changed": _("Titles of a group changed"),
            "entry.introductions_asked": _("Newcomers asked to introduce themselves"),
            "application.approved": _("Application approved"),
            "application.rejected": _("Application rejected"),
            "application.withdrawn": _("Application withdrawn"),
            "application.expired": _("Application expired"),
            "application.reopened": _("Decision about an application taken back"),
            "member.title_given": _("Title given to a member"),
            "member.title_taken": _("Title taken from a member"),
        }
    )
    labels(
        {
            "questions": _("questions"),
            "titles": _("titles"),
            "title": pgettext_lazy("history", "title"),
            "reason": _("reason"),
            "members": _("members"),
            # The words of a plan, whose entries are about its group.
            "is_open": _("take applications"),
            "approval": _("approval"),
            "next_steps": _("what to do once approved"),
            "welcomes": _("welcome newcomers"),
            "welcome_text": _("welcome message"),
            "welcome_minutes": _("gather newcomers for (minutes)"),
            "onboards": _("give staff a task for each newcomer"),
            "befriend_text": _("words of the friend request"),
            "tell_text": _("the three things to tell"),
            "remind_text": _("words that ask for an introduction"),
        }
    )
