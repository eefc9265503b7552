"""What is said about an activity, in groups and on pages."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import formats, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from campaigns.activities.models import Activity, ReminderKind
from community_ops.lib.languages import language_of
from groups.models import Group

# In the text of reminders.
VARIABLES: dict[str, Promise] = {
    "title": gettext_lazy("what the activity is called"),
    "when": gettext_lazy("when it begins and ends"),
    "place": gettext_lazy("where it is"),
    "group": gettext_lazy("the name of the group"),
}


def moment_words(at: datetime, activity: Activity) -> str:
    """Weekday, day and clock on the clock of the activity."""
    local = at.astimezone(activity.zone)
    return f"{formats.date_format(local, pgettext('date format with weekday', 'D j M Y'))} {local:%H:%M}"


def when_words(activity: Activity) -> str:
    """From when to when, with the zone where it is not that of the installation."""
    if activity.starts_at is None or activity.ends_at is None:
        return _("not fixed yet")
    start, end = activity.starts_at.astimezone(activity.zone), activity.ends_at.astimezone(activity.zone)
    until = f"{end:%H:%M}" if start.date() == end.date() else moment_words(activity.ends_at, activity)
    said = f"{moment_words(activity.starts_at, activity)} – {until}"
    return said if activity.timezone == settings.TIME_ZONE else f"{said} ({activity.timezone})"


def where_words(activity: Activity) -> str:
    return activity.place or (_("online") if activity.link else "")


def values_in(activity: Activity, group: Group) -> dict[str, str]:
    """What each of VARIABLES stands for in a group, in the language of the activity."""
    with translation.override(language_of(activity.title + activity.text)):
        return {
            "title": activity.title,
            "when": when_words(activity),
            "place": where_words(activity),
            "group": group.name,
        }


def reminder_words(activity: Activity, kind: str) -> str:
    """The text of a reminder, with its variables: the activity's own, or that of the product."""
    if activity.reminder:
        return activity.reminder
    with translation.override(language_of(activity.title + activity.text)):
        if kind == ReminderKind.DAY:
            return _("Tomorrow: {title}. {when} {place}")
        return _("In an hour: {title}. {when} {place}")


def announced_words(activity: Activity) -> str:
    """What groups read when it is opened."""
    with translation.override(language_of(activity.title + activity.text)):
        lines = [activity.text[:600], when_words(activity), where_words(activity), activity.directions]
    return "\n".join(line for line in lines if line)


def cancelled_words(activity: Activity) -> str:
    with translation.override(language_of(activity.title + activity.text)):
        said = _("It does not take place: %(title)s, %(when)s.") % {
            "title": activity.title,
            "when": when_words(activity),
        }
    return f"{said}\n{activity.cancel_reason}".strip()


def page_of(activity: Activity, group: Group) -> str:
    """The whole address of its page for the members of a group."""
    return f"{settings.PUBLIC_URL}{reverse('member:activity', args=[group.page_token, activity.pk])}"
