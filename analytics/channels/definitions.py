"""What the figures of channels mean, in a sentence or two that stand beside them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

CHANNELS = (
    _(
        "A member belongs to one channel: that of the earliest event of theirs that carries one, whatever its kind. "
        "Joined: their first membership of all lies in the range."
    ),
    _(
        "Friends, orders and revenue are those of the members who joined in the range, up to now; refunds are taken "
        "off, in the currency of the order before them. Currencies are never added to one another."
    ),
    _(
        "Clicked a link: people who clicked a link of the channel before they were in any group. They belong to no "
        "branch, so only the whole community shows them."
    ),
    _("Lost: of those of the step before, how many did not get to this one."),
    _(
        "Spend is spread evenly over its days; counted is what falls into the range, up to today. Cost per join, "
        "friend and order is the spend by that number."
    ),
    _("Paid back: how many days after the first of the range the revenue of its members had exceeded the spend."),
    _(
        "The small numbers compare with the range before, of the same length and looked at when it was as old as this "
        "one is now."
    ),
)
