"""What the figures of channels mean, in a sentence or two that stand beside them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

CHANNEL = _(
    "A member belongs to one channel: that of the earliest event of theirs that carries one, whatever its kind. "
    "Joined: their first membership of all lies in the range."
)
_BECAME = _(
    "Friends, orders and revenue are those of the members who joined in the range, up to now; refunds are taken "
    "off, in the currency of the order before them. Currencies are never added to one another."
)
_CLICKED = _(
    "Clicked a link: people who clicked a link of the channel before they were in any group. They belong to no "
    "branch, so only the whole community shows them."
)
_LOST = _("Lost: of those of the step before, how many did not get to this one.")
_COST = _(
    "Spend is spread evenly over its days; counted is what falls into the range, up to today. Cost per join, "
    "friend and order is the spend by that number."
)
_PAYBACK = _("Paid back: how many days after the first of the range the revenue of its members had exceeded the spend.")
CHANGE = _(
    "The small numbers compare with the range before, of the same length and looked at when it was as old as this "
    "one is now."
)
CHANNELS = (CHANNEL, _BECAME, _CLICKED, _LOST, _COST, _PAYBACK, CHANGE)
# By the columns of the list.
FIGURE_TEXTS = {
    "clicked": _CLICKED,
    "joins": CHANNEL,
    **dict.fromkeys(("friends", "orders", "revenue"), _BECAME),
    **dict.fromkeys(("spend", "per_join", "per_friend", "per_order"), _COST),
    "per_member": _("The revenue of the members who joined in the range, by their number."),
    "payback": _PAYBACK,
}
