"""What the page of carriers means, in sentences that stand beside its figures."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

CARRIERS = {
    "most": _(
        "Interactions: messages, questions, answers, likes and check-ins. The most active are those of all who were "
        "members in the range, the silent ones among them; compare the rule 90-9-1 (J. Nielsen, 2006)."
    ),
    "leaders": _(
        "Opinion leaders: members who now hold the role of opinion leader, initiator or seed user in one of the groups."
    ),
    "gini": _("Gini coefficient (C. Gini, 1912): 0 when everybody does the same, near 1 when one does everything."),
    "part": _("Took part: of all who were members in the range, those who did at least one of these things."),
    "board": _(
        "Messages, answers and check-ins of the range, in the groups chosen. Invited: members who came into a group in "
        "the range and whose inviter this is. Brought: orders of the range by members whom they invited."
    ),
}
LIKES = _(
    "There is no board of likes received: a like is told with the member who gave it, and not with whose message it "
    "was."
)
# By the figures that stand beside each member of the tree.
BROUGHT = {
    "brought": _("Members whom they invited themselves, of those whom you may see, whenever that was."),
    "present": _("Of these: how many are in a group now."),
    "ordered": _("Of these: how many ever placed an order."),
    "revenue": _(
        "The amounts of all orders of these; currencies are never added up, and refunds are not taken off here."
    ),
}
REFERRALS = (
    _(
        "Brought: whom a member invited themselves. Still present, ordered and revenue are of these; refunds are not "
        "taken off here."
    ),
    _(
        "At the top stand those whom nobody else brought, the most invitations first. Three levels are shown, deeper "
        "ones by link."
    ),
)
