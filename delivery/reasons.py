"""Why a delivery was not sent, in words.

Rows keep the code; the sentence is made when it is read, in the reader's language.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from community_ops.lib import http

REASONS = {
    "missed": _("Its time passed while nothing could be sent."),
    "too_late": _("Its time passed while nothing could be sent, and it would have come too late."),
    "paused": _("The post was paused."),
    "stopped": _("The post was stopped."),
    "skipped_by_person": _("Skipped by hand."),
    "sent_by_person": _("Marked as sent by hand."),
    "group_closed": _("The group was closed before its time."),
    "left_audience": _("The group does not belong to the audience of the post any more."),
    "author_not_permitted": _("Whoever wrote the post may not post to this group any more."),
    "quiet_hours": _("Its time lay within the quiet hours of the group."),
    "over_quota": _("The group had its posts for the day."),
    "nothing_to_draw": _("The series had no piece that was ready."),
    "called_off": _("This time was called off by hand."),
    "destination_disabled": _("The group's channel is switched off."),
    "no_secret": _("The signing secret cannot be read any more. Set a new one for the group's channel."),
    "outcome_unknown": _("Sending was interrupted. Whether the message arrived is not known."),
    "gone": _("The receiver answered 410: it does not want messages any more. The channel was switched off."),
    "slow_down": _("The receiver asked to slow down (429)."),
    "receiver_fault": _("The receiver has a fault of its own (%(detail)s)."),
    "redirected": _("The address redirects elsewhere (%(detail)s). Enter the final address."),
    "refused": _("The receiver refused the message (%(detail)s)."),
    **http.SENTENCES,
    "internal": _("Sending failed inside this program. The log says more."),
}


def reason(code: str, detail: str) -> str:
    """The sentence of a code; `detail` is what differs from case to case, a host or a status."""
    return str(REASONS[code]) % {"detail": detail} if code in REASONS else detail
