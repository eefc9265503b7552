"""What the entries about posts and deliveries mean to people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.history import Subject, actions, labels, subjects
from campaigns.calendar import words as calendar
from campaigns.posts.models import Post
from campaigns.posts.selectors import deliveries_visible_to


def register() -> None:
    subjects("campaigns.post", Subject(_("Post"), Post.objects.visible_to, "campaigns:post"))
    subjects("delivery.delivery", Subject(_("Delivery"), deliveries_visible_to, "campaigns:delivery"))
    actions(
        {
            "post.created": _("Post planned"),
            "post.updated": _("Post changed"),
            "post.paused": _("Post paused"),
            "post.resumed": _("Post runs again"),
            "post.stopped": _("Post stopped"),
            "post.split": _("Post changed from one time on"),
            "special_days.added": _("Days off entered"),
            "special_days.removed": _("Days off taken out"),
            "group.limits_changed": _("Limits of a group changed"),
            "scene.added": _("Occasion entered"),
            "scene.removed": _("Occasion taken out"),
            "delivery.send": _("Delivery sent by hand"),
            "delivery.mark_sent": _("Delivery marked as sent"),
            "delivery.skip": _("Delivery skipped"),
            "delivery.undecided": _("Decision about a delivery taken back"),
        }
    )
    labels(
        {
            "groups": _("groups"),
            "cancelled": pgettext_lazy("history", "deliveries cancelled"),
            "start_local": _("first time"),
            "late_minutes": _("how late it may go out (minutes)"),
        }
    )
    calendar.register()
