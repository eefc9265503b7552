"""Programmes are made, changed, paused and stopped. What has begun keeps the terms it had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import Branch, User
from campaigns.checkins.arriving import folded
from campaigns.checkins.counting import programme_hold, standings_write
from campaigns.checkins.models import (
    CheckInDay,
    CheckInGroup,
    CheckInProgramme,
    CheckInStanding,
    CheckInThreshold,
    Goal,
    ProgrammeState,
    Proof,
    terms_kept,
)
from campaigns.checkins.rules import EVERY_DAY, Calendar, Terms
from campaigns.prizes.models import Prize
from community_ops.lib.zones import zone_named
from groups.models import Group, Permission

LONGEST = 1100  # days
MOST_THRESHOLDS = 12
MOST_CARD_DAYS = 31
MOST_POINTS = 1_000_000
DAY = timedelta(days=1)
# What can change at any time and is simply written.
PLAIN = (
    "name", "text", "by_page", "keyword", "proof", "is_reviewed", "free_cards", "card_price", "card_days", "goal",
    "goal_value", "remind_at",
)  # fmt: skip


class StaleProgramme(Exception):
    """Somebody else changed it since the form was opened; `version` is the one that stands now."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


@dataclass(frozen=True)
class ThresholdDraft:
    reach: str
    count: int
    points: int = 0
    prize: Prize | None = None

    @property
    def gives(self) -> bool:
        return self.points > 0 or self.prize is not None


@dataclass(frozen=True)
class ProgrammeDraft:
    """A programme as somebody wrote it. `from_day` says from which day on changed weekdays and hours hold; nothing
    means as soon as can be."""

    name: str
    groups: Sequence[Group]
    first_day: date
    timezone: str
    last_day: date | None = None
    text: str = ""
    weekdays: frozenset[int] = EVERY_DAY
    opens: time = time(0)
    closes: time = time(0)
    from_day: date | None = None
    by_page: bool = True
    keyword: str = ""
    proof: str = Proof.NONE
    is_reviewed: bool = False
    free_cards: int = 0
    card_price: int = 0
    card_days: int = 3
    goal: str = Goal.NONE
    goal_value: int = 0
    remind_at: time | None = None
    thresholds: Sequence[ThresholdDraft] = ()

    def terms(self, from_day: date) -> Terms:
        return Terms(from_day, self.weekdays, self.opens, self.closes)

    @property
    def calendar(self) -> Calendar:
        """Its days as they would be if nothing of it had begun."""
        return Calendar(ZoneInfo(self.timezone), self.first_day, self.last_day, (self.terms(self.first_day),))


def current_or_next(calendar: Calendar, now: datetime) -> date:
    """The day that is open, else the next local day whose hours have not begun: the first that a change can reach."""
    if (day := calendar.day_at(now)) is not None:
        return day
    today = calendar.local_day(now)
    hours = calendar.hours(today)
    return today if hours is None or now < hours.opens else today + DAY


def programme_create(
    *, by: User | None, now: datetime, draft: ProgrammeDraft, branch: Branch | None
) -> CheckInProgramme:
    """A new programme; it runs from its first day on. Raises ValidationError by field."""
    errors = _mistakes(draft, by, list(draft.groups))
    if "timezone" not in errors and draft.first_day < draft.calendar.local_day(now) and by is not None:
        errors["first_day"] = _("The first day lies in the past.")
    if errors:
        raise ValidationError(errors)
    with transaction.atomic():
        programme = CheckInProgramme.objects.create(
            branch=branch,
            first_day=draft.first_day,
            last_day=draft.last_day,
            timezone=draft.timezone,
            terms=[terms_kept(draft.terms(draft.first_day))],
            created_by=by,
            created_at=now,
            updated_at=now,
            **{name: getattr(draft, name) for name in PLAIN},
        )
        CheckInGroup.objects.bulk_create(
            [CheckInGroup(programme=programme, group=group, from_day=draft.first_day) for group in draft.groups]
        )
        _thresholds_write(programme, draft.thresholds, now)
        audit_record(
            by=by, action="checkins.created", subject=programme, after={"name": draft.name, "groups": len(draft.groups)}
        )
    return programme


def programme_save(
    *, by: User, now: datetime, programme: CheckInProgramme, draft: ProgrammeDraft, version: int | None = None
) -> CheckInProgramme:
    """Changes a programme. Weekdays and hours hold from a day on that has not begun; the days before, and what was
    reached and given in them, stay as they were. First day and zone can change until the first day.

    Raises ValidationError by field, and StaleProgramme when somebody else changed it since `version`.
    """
    with transaction.atomic():
        programme_hold(programme.pk)
        current = CheckInProgramme.objects.get(pk=programme.pk)
        if version is not None and version != current.version:
            raise StaleProgramme(current.version)
        calendar = current.calendar
        today = calendar.local_day(now)
        begun = today >= current.first_day
        places = {place.group_id: place for place in current.places.all()}
        standing = [pk for pk, place in places.items() if place.until_day is None]
        errors = _mistakes(draft, by, [group for group in draft.groups if group.pk not in standing])
        errors |= _mistakes_of_change(draft, current, calendar, now, begun)
        if errors:
            raise ValidationError(errors)
        before, after = changed_fields(current, {name: getattr(draft, name) for name in (*PLAIN, "last_day")})
        if begun:
            _gap_bridge(current, draft, calendar, now)
            from_day = draft.from_day or today + DAY
            if replace(calendar.terms_on(from_day), from_day=from_day) != draft.terms(from_day):
                after["hours"] = f"{draft.opens:%H:%M}-{draft.closes:%H:%M}"
                # What was to hold from later days on is replaced.
                kept = [terms_kept(one) for one in calendar.terms if one.from_day < from_day]
                current.terms = [*kept, terms_kept(draft.terms(from_day))]
        else:
            current.first_day, current.timezone = draft.first_day, draft.timezone
            CheckInGroup.objects.filter(programme=current).update(from_day=draft.first_day)
            current.terms = [terms_kept(draft.terms(draft.first_day))]
        for name in (*PLAIN, "last_day"):
            setattr(current, name, getattr(draft, name))
        current.version += 1
        current.updated_at = now
        current.save()
        _groups_write(current, draft.groups, places, max(today, current.first_day))
        _thresholds_write(current, draft.thresholds, now)
        audit_record(by=by, action="checkins.changed", subject=current, before=before, after=after)
        _recount(current, now)
    return CheckInProgramme.objects.get(pk=programme.pk)


def _mistakes(draft: ProgrammeDraft, by: User | None, new_groups: Sequence[Group]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if not draft.name.strip():
        errors["name"] = _("Give it a name.")
    if not draft.groups:
        errors["groups"] = _("Choose at least one group.")
    elif by is not None:
        postable = Group.objects.visible_to(by).open().permitted(by, Permission.POST)
        allowed = set(postable.filter(pk__in=[group.pk for group in new_groups]).values_list("pk", flat=True))
        refused = [group.name for group in new_groups if group.pk not in allowed]
        if refused:
            errors["groups"] = _("You may not post to %(names)s.") % {"names": ", ".join(refused[:5])}
    try:
        zone_named(draft.timezone)
    except ValidationError as error:
        errors["timezone"] = error.messages[0]
    if draft.last_day is not None and draft.last_day < draft.first_day:
        errors["last_day"] = _("The last day lies before the first.")
    elif draft.last_day is not None and (draft.last_day - draft.first_day).days > LONGEST:
        errors["last_day"] = _(
            "A programme lasts three years at most. Leave the last day empty for one without an end."
        )
    if not draft.weekdays:
        errors["weekdays"] = _("Choose at least one weekday.")
    if not draft.by_page and not draft.keyword.strip():
        errors["keyword"] = _("Members need a way to check in: the page, or a keyword.")
    if draft.keyword and not any(sign.isalnum() for sign in folded(draft.keyword)):
        errors["keyword"] = _("A keyword holds a letter or a digit.")
    if draft.proof == Proof.PICTURE and not draft.by_page:
        errors["proof"] = _("A picture can only be given on the member page.")
    if draft.is_reviewed and draft.proof == Proof.NONE:
        errors["is_reviewed"] = _("There is nothing to look at without a proof.")
    if (draft.free_cards or draft.card_price) and not 1 <= draft.card_days <= MOST_CARD_DAYS:
        errors["card_days"] = _("A number from 1 to %(most)d.") % {"most": MOST_CARD_DAYS}
    if draft.goal == Goal.PERCENT and not 1 <= draft.goal_value <= 100:
        errors["goal_value"] = _("A percentage from 1 to 100.")
    if draft.goal == Goal.TOTAL and not draft.goal_value:
        errors["goal_value"] = _("How many check-ins are to be reached?")
    return errors | _mistakes_of_thresholds(draft.thresholds)


def _mistakes_of_thresholds(thresholds: Sequence[ThresholdDraft]) -> dict[str, str]:
    if len(thresholds) > MOST_THRESHOLDS:
        return {"thresholds": _("At most %(most)d thresholds.") % {"most": MOST_THRESHOLDS}}
    if len({(one.reach, one.count) for one in thresholds}) < len(thresholds):
        return {"thresholds": _("Two thresholds are the same.")}
    if any(
        one.count < 1 or one.count > LONGEST or not (one.points or one.prize) or one.points > MOST_POINTS
        for one in thresholds
    ):
        return {"thresholds": _("A threshold needs a number of days, and what it is rewarded with.")}
    return {}


def _mistakes_of_change(
    draft: ProgrammeDraft, current: CheckInProgramme, calendar: Calendar, now: datetime, begun: bool
) -> dict[str, str]:
    errors: dict[str, str] = {}
    today = calendar.local_day(now)
    if not begun:
        if draft.first_day < today:
            errors["first_day"] = _("The first day lies in the past.")
        return errors
    if draft.first_day != current.first_day:
        errors["first_day"] = _("It has begun: the first day stays.")
    if draft.timezone != current.timezone:
        errors["timezone"] = _("It has begun: the time zone stays.")
    if draft.last_day != current.last_day and draft.last_day is not None and draft.last_day < today:
        errors["last_day"] = _("This day has passed. Choose today or later, or stop the programme.")
    if draft.from_day is not None and draft.from_day <= today:
        errors["from_day"] = _("Days that have begun keep their hours: choose tomorrow or later.")
    return errors


def _gap_bridge(current: CheckInProgramme, draft: ProgrammeDraft, calendar: Calendar, now: datetime) -> None:
    """Goes on with a programme that was over: the days between count as a pause, so that nobody's streak breaks."""
    over = current.last_day
    if over is None or draft.last_day == over:
        return
    again = calendar.local_day(now)
    if over + DAY < again:
        current.pauses.append([(over + DAY).isoformat(), (again - DAY).isoformat()])


def _groups_write(
    programme: CheckInProgramme, groups: Sequence[Group], places: dict[int, CheckInGroup], today: date
) -> None:
    wanted = {group.pk for group in groups}
    CheckInGroup.objects.bulk_create(
        [CheckInGroup(programme=programme, group=group, from_day=today) for group in groups if group.pk not in places]
    )
    back = [pk for pk, place in places.items() if pk in wanted and place.until_day is not None]
    gone = [pk for pk, place in places.items() if pk not in wanted and place.until_day is None]
    CheckInGroup.objects.filter(programme=programme, group__in=back).update(until_day=None)
    CheckInGroup.objects.filter(programme=programme, group__in=gone).update(until_day=today)


def _thresholds_write(programme: CheckInProgramme, drafts: Sequence[ThresholdDraft], now: datetime) -> None:
    """A threshold is known by what it asks for: with other points it is the same, and nobody is given it twice."""
    known = {(row.reach, row.count): row for row in CheckInThreshold.objects.filter(programme=programme)}
    for draft in drafts:
        row = known.pop((draft.reach, draft.count), None) or CheckInThreshold(
            programme=programme, reach=draft.reach, count=draft.count
        )
        row.points, row.prize, row.removed_at = draft.points, draft.prize, None
        row.save()
    gone = [row.pk for row in known.values() if row.removed_at is None]
    CheckInThreshold.objects.filter(pk__in=gone).update(removed_at=now)


def _recount(programme: CheckInProgramme, now: datetime) -> None:
    """What members have reached, by the calendar as it is now; and the days ahead are planned anew. Nothing is given:
    that waits for their next check-in."""
    fresh = CheckInProgramme.objects.get(pk=programme.pk)
    members = CheckInStanding.objects.filter(programme=fresh).values_list("member_id", flat=True)
    standings_write(programme=fresh, members=list(members), now=now)
    CheckInDay.objects.filter(programme=fresh, closed_at=None, reminded_at=None).delete()


# Running


def programme_pause(*, by: User, now: datetime, programme: CheckInProgramme) -> bool:
    """Holds a programme from the day that is open, or the next one, on. No streak breaks while it rests."""
    return _rest(by, now, programme, ProgrammeState.PAUSED)


def programme_stop(*, by: User, now: datetime, programme: CheckInProgramme) -> bool:
    """Ends a programme; what was reached and given stays. programme_resume() takes it back."""
    return _rest(by, now, programme, ProgrammeState.STOPPED)


def _rest(by: User, now: datetime, programme: CheckInProgramme, state: ProgrammeState) -> bool:
    with transaction.atomic():
        programme_hold(programme.pk)
        current = CheckInProgramme.objects.get(pk=programme.pk)
        if current.state in (state, ProgrammeState.STOPPED):
            return False
        if current.state == ProgrammeState.RUNNING:
            current.pauses.append([current_or_next(current.calendar, now).isoformat(), None])
        _state_write(by, now, current, state)
    return True


def programme_resume(*, by: User, now: datetime, programme: CheckInProgramme) -> bool:
    """Lets a paused or stopped programme run again, from the day that is open or the next one on."""
    with transaction.atomic():
        programme_hold(programme.pk)
        current = CheckInProgramme.objects.get(pk=programme.pk)
        if current.state == ProgrammeState.RUNNING:
            return False
        again = current_or_next(current.calendar, now)
        since, _open = current.pauses.pop()
        if date.fromisoformat(since) < again:
            current.pauses.append([since, (again - DAY).isoformat()])
        _state_write(by, now, current, ProgrammeState.RUNNING)
    return True


def _state_write(by: User, now: datetime, current: CheckInProgramme, state: ProgrammeState) -> None:
    before = current.state
    CheckInProgramme.objects.filter(pk=current.pk).update(
        state=state, pauses=current.pauses, updated_at=now, version=F("version") + 1
    )
    audit_record(
        by=by, action=f"checkins.{state}", subject=current, before={"state": before}, after={"state": str(state)}
    )
    _recount(current, now)


def affected_by_rest(programme: CheckInProgramme, now: datetime) -> dict[str, int]:
    """Whom a pause or a stop would touch now: members with a streak, and the longest of them."""
    alive = CheckInStanding.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), programme=programme, current__gt=0)
    rows = list(alive.order_by("-current").values_list("current", flat=True))
    return {"members": len(rows), "longest": rows[0] if rows else 0}
