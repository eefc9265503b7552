"""What the entries about single occurrences mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from campaigns.calendar.selectors import occurrences_visible_to


def register() -> None:
    subjects("campaigns.occurrence", Subject(_("Time of a post"), occurrences_visible_to, "campaigns:calendar_entry"))
    actions(
        {
            "occurrence.moved": _("Time of a post moved"),
            "occurrence.reworded": _("One time of a post reworded"),
            "occurrence.called_off": _("One time of a post called off"),
            "occurrence.restored": _("One time of a post goes out again"),
            "occurrence.sent_now": _("Post sent at once"),
            "occurrence.put_back": _("Change of one time undone"),
        }
    )
    labels(
        {
            "due_at": pgettext_lazy("history", "time"),
            "title": _("title"),
            "text": _("text"),
            "link": _("link"),
            "restored": pgettext_lazy("history", "deliveries planned again"),
        }
    )
