"""What every number means, in a sentence or two that stand beside it. docs/definitions.md tells the whole of it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

METRICS = {
    "unique": _(
        "Members with at least one event in the period. Each counts once, however much they did; the figure of the "
        "whole range is not the sum of its periods."
    ),
    "total": _("All events in the period, of all members."),
    "rolling_unique": _(
        "Members with an event on the day or in the days before it, as many as the window holds. By week or month it "
        "is simply the members of that week or month."
    ),
    "lifecycle": _(
        "New: the first event ever lies in the period. Returning: active in this period and the one before. Came "
        "back: active now, not in the period before, and not new. Gone quiet: active in the period before and not in "
        "this one; shown below zero. Periods are compared whole."
    ),
    "stickiness": _("Members by the number of periods in which they were active, out of all periods of the range."),
}
FIGURES = {
    "active": _("Members with any event in the range."),
    "new": _("Members whose first event ever lies in the range."),
    "quiet": _("Members who were active in the range before, of the same length, and are not in this one."),
    "events": _("All events in the range."),
}
RETENTION = {
    "first_time": _(
        "A cohort is everyone whose first such event ever lies in that period. The cells say how many of them came "
        "back 1, 2, 3 … periods later."
    ),
    "recurring": _(
        "A cohort is everyone with such an event in that period, so a member may be in several. The cells say how "
        "many of them came back 1, 2, 3 … periods later."
    ),
}
MEMBERSHIP = _(
    "A cohort is everyone who first joined one of the groups in that period. The cells say how many of them were still "
    "in one of these groups when the period 1, 2, 3 … later ended. Who left and came back never left."
)
LEAVERS = (
    _(
        "Left: members whose last departure from a group lies in the range and who are not back. The last thing: their "
        "last event in that group within 30 days before; of a post the one that was sent last before they saw it."
    ),
    _(
        "Those who stayed: for each leaver up to three members of the same group who had joined at nearly the same "
        "time and are still there, with their last thing before the same moment. Only what leavers saw more often "
        "than they, by more than chance, says anything."
    ),
)
MEASURES = {
    "on": _("Came back: in exactly that period."),
    "on_or_after": _("Came back: in that period or any later one shown here."),
}
FUNNEL = {
    "ordered": _("A member goes through the steps in this order; what else they do in between does not matter."),
    "strict": _(
        "The very next things that a member does are the next steps; anything else in between ends the attempt."
    ),
    "unordered": _("Step k is reached when k different steps are done, in any order."),
}
CONVERTED = _("Of the members who did the first step in the range: the share who did all of them, each in time.")
BEST_HOUR = {
    "reading": _(
        "Of the members in the group when a post was sent, the share who saw it or clicked in it within a day and "
        "before the next post. Posts of the last day are left out."
    ),
    "conversion": _(
        "Of the members in the group when a post was sent, the share who clicked in it within a day and ordered within "
        "three days of the click. Posts of the last four days are left out."
    ),
    "activity": _(
        "Of the members who did anything in the range, the share who did something within the hour, on average over "
        "the days. Hours in which nobody did anything count."
    ),
}
BEST_HOUR_RANGE = (
    _(
        "The range behind a share holds the true one in 95 of 100 cases. It is wider than that of as many coins: the "
        "members of one group read together or not at all."
    ),
    _(
        "Better or worse is said only where the hour stands out although so many hours were looked at. Groups that "
        "post at other hours are other groups: choose one group to compare its own hours."
    ),
)
ATTEMPT = _(
    "Every start within the range is tried, and the time runs from the first step. Of a member's attempts the furthest "
    "counts, then the quickest to get there. One event serves one step. Times are those since the step before."
)
# The health of groups, with the thresholds that stand; docs/health.md tells the whole of it.
HEALTH = (
    _("Activity: how many members did anything in two weeks, counted by day: one member on three days counts three."),
    _(
        "Declining: activity is at least %(decline)d%% below what was usual in the group's own eight weeks before (the "
        "median of four fortnights), and by more than chance explains; or %(leaving)d%% of the members left within two "
        "weeks. A decline is over when three quarters are back."
    ),
    _(
        "Dead: an activity of at most %(dead_activity)d in two weeks, or below %(least_activity)d in four weeks. It "
        "lives again with %(least_activity)d in two weeks."
    ),
    _(
        "Growing: %(growth)d%% more members than two weeks ago. Forming: younger than %(new_days)d days, or fewer than "
        "%(least_members)d members."
    ),
    _("A stage changes when two days in a row say the same. Administrators decide the thresholds."),
    _("Noise: messages a day for each member present, over seven days."),
    _(
        "Interactions by staff: posts that were sent, and what members who own or administer the group wrote and "
        "liked. The floor is %(floor)d a day."
    ),
)
HEALTH_ACTIVE = _("Active: old and large enough to be judged, and neither growing nor declining nor dead.")
HEALTH_WHY = _("What the judgement rests on; the first reason weighs most, the page of the group lists all.")
HEALTH_MEMBERS = _("Members who are in the group now.")
HEALTH_ACTIVE_7 = _("Members with any event in the group within the last seven days, of 24 hours each.")
MISTAKES = _("Six mistakes: counted over four weeks. Where there is too little to say anything, it says “No data”.")
BRANCHES = {
    "groups": _("Groups: open groups of the branch."),
    "members": _("Members: present in an open group of the branch. Who is in groups of two branches counts in both."),
    "active": _(
        "Active: members with any event in a group of the branch in 7 days; the share is that of all its members."
    ),
    "stayed": _(
        "Back in week 4: of those who came into a group in the 28 days that ended five weeks ago, how many did "
        "something there 28 to 34 days later."
    ),
    "orders": _(
        "Orders: of members who are in a group of the branch. Buyers: members with an order in 28 days, of all members."
    ),
    "floor": _("Floor kept: days on which staff interacted often enough, of all days of all active groups in 28 days."),
    "answers": _("Answers: to questions, in groups of the branch."),
    "stages": _("Groups by stage: open groups, as judged for the last day that is over."),
}
BRANCHES_CHANGE = _("The small numbers: more or fewer than in as many days before; for shares in percentage points.")
# The overview: what each figure is, and how it is computed.
OVERVIEW = {
    "members": (
        _(
            "Places taken in open groups at the end of the range: a member of two groups counts twice. The places "
            "before, plus who joined, less who left, are the places now."
        ),
        _("Counted from who is and was in each of these groups."),
    ),
    "joined": (
        _("Places that were taken in the range: a member seen in an open group for the first time."),
        _("Counted from who is and was in each of these groups; who comes back to a group was never away."),
    ),
    "left": (
        _("Places that became free in the range: the member left an open group and was not seen there again."),
        _("Counted from who is and was in each of these groups."),
    ),
    "active": (
        _("Different members with any event in the range, each counted once however many groups they are in."),
        _("Counted from all events; it is not the sum of the days or of the groups."),
    ),
    "stayed": (
        _(
            "Of the members who joined a group in the range before this one: how many are still there and did anything "
            "in this range."
        ),
        _("The change compares it with the members who joined one range earlier still."),
    ),
    "bought": (
        _(
            "The core chain from joining to the first order: of the members who joined a group in the range before "
            "this one, how many ordered since, up to the end of this range."
        ),
        _("The change compares it with the members who joined one range earlier still."),
    ),
    "orders": (
        _("Orders placed in the range by members of your reach, of all currencies. Refunds do not take them back."),
        _("Counted from the orders that other systems or files brought in."),
    ),
    "revenue": (
        _("The amounts of these orders in one currency, less what was refunded in the range."),
        _(
            "Currencies are never added up. A refund counts in the currency of the member's last order before it, and "
            "on the day of the refund."
        ),
    ),
    "stages": (
        _("Open groups by stage of health, as judged for the last day; the small number is the change over the range."),
        _("Groups are judged every night from their own figures; the page of health says how."),
    ),
}
MOVES = {
    "active": _(
        "In member-days: a member who is active on three days counts three, and on each day once in every group, and "
        "through every channel, in which they did something. Different members cannot be added up over groups."
    ),
    "joined": _(
        "Places taken, by group; by channel, as the event of joining names it. Both add up to the figure above."
    ),
    "revenue": _(
        "By the group in which the order was placed, else the one that the member joined first; by the channel through "
        "which the member first came. Both add up to the figure above, refunds taken off."
    ),
}
# The lifecycle and the stickiness of a whole range.
LIFECYCLE = {
    "new": FIGURES["new"],
    "returning": _("Members who were active in the range before, of the same length, and are in this one."),
    "resurrecting": _("Members who are active in this range, were not in the one before, and are not new."),
    "dormant": FIGURES["quiet"],
    "net": _("Net growth: new and come back, less gone quiet: by how many the active members grew."),
}
STICKINESS = {
    "active": FIGURES["active"],
    "once": _("Of the members active in the range: how many were so in a single one of its periods."),
    "half": _("Of the members active in the range: how many were so in at least half of its periods."),
    "all": _("Of the members active in the range: how many were so in each of its periods."),
    "exactly": _("Each row: active in exactly so many periods. The rows add up to all active members."),
    "least": _("Each row: active in so many periods or more. Every row holds those of the rows below it."),
}
