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
ATTEMPT = _(
    "Every start within the range is tried, and the time runs from the first step. Of a member's attempts the furthest "
    "counts, then the quickest to get there. One event serves one step. Times are those since the step before."
)
