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
    "rate_limited": _("The robot takes 20 messages a minute. This one waits for its turn."),
    "receiver_slow": _("The receiver answers slowly, so only a few messages go there at a time. This one waits."),
    "limiter_away": _("The counter of the robot's messages cannot be asked. It is tried again in a moment."),
    "no_key": _("The key of the robot cannot be read any more. Set it again for the group's channel."),
    "too_long": _("The message is too long for this channel (%(detail)s bytes). Shorten it."),
    "picture_lost": _("The file of the picture is gone. Choose the picture again."),
    "robot_gone": _(
        "WeCom does not know this robot: its address is wrong, or it was removed from the group. The channel was"
        " switched off."
    ),
    "robot_forbidden": _("This chat does not allow robots to post. The channel was switched off."),
    "robot_stopped": _("The robot was stopped in WeCom. The channel was switched off."),
    "robot_not_in_group": _("The robot is not in the group any more. The channel was switched off."),
    "robot_too_fast": _("WeCom takes no more messages of this robot for a minute. Then it goes on."),
    "robot_busy": _("WeCom is busy (%(detail)s)."),
    "robot_empty": _("WeCom refused the message as empty (%(detail)s)."),
    "robot_picture": _("WeCom does not take the picture: it may be JPEG or PNG of 2 MB at most."),
    "robot_bad_request": _("WeCom could not read the message (%(detail)s)."),
    "robot_refused": _("WeCom refused the message (error %(detail)s)."),
    "robot_half": _("The text arrived, the picture did not. Send the picture by hand."),
    **http.SENTENCES,
    "internal": _("Sending failed inside this program. The log says more."),
}


def reason(code: str, detail: str) -> str:
    """The sentence of a code; `detail` is what differs from case to case, a host or a status."""
    return str(REASONS[code]) % {"detail": detail} if code in REASONS else detail
