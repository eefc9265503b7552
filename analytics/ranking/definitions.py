"""What the ranking of groups means, in sentences that stand beside it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

RANKING = (
    _("Each figure is summed over the days of the range; a column sorts by its change against as many days before."),
    _("Activity is counted by day: one member on three days counts three. Orders are those told of inside the group."),
    _("Stage: the one the group has now, and the one it had when the range began where that was another."),
)
FIGURES = {
    "active": _("Members with any event in the group, counted by day: one member on three days counts three."),
    "joined": _("Members who were seen in the group for the first time."),
    "orders": _("Orders that were told of inside the group."),
    "messages": _("Messages that members wrote in the group."),
}
ROSE = _("Groups in which the figure is higher than in as many days just before the range, of all groups shown.")
CHANGE = _("Below it the change against as many days just before the range; the column sorts by that.")
