"""Make-up cards: a missed day counts after all."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.checkins.counting import CheckInRefused, in_programme, programme_hold, settle
from campaigns.checkins.models import CheckIn, CheckInProgramme, CheckInState, ProgrammeState, Source
from groups.models import Group
from members.models import Member
from members.points.services import NotEnoughPoints, account_of, issuer, points_transfer


def days_to_make_up(*, programme: CheckInProgramme, member: Member, group: Group, now: datetime) -> list[date]:
    """The missed days that a card can still save, the latest first. Two queries."""
    place = programme.places.filter(group=group).first()
    if not has_cards(programme) or programme.state != ProgrammeState.RUNNING or place is None:
        return []
    calendar = programme.calendar
    today = calendar.local_day(now)
    since = max(today - timedelta(days=programme.card_days), place.from_day)
    done = set(CheckIn.objects.filter(programme=programme, member=member, day__gte=since).values_list("day", flat=True))
    missed = []
    for day in calendar.days(since, today):
        hours = calendar.hours(day)
        if day not in done and hours and hours.closes <= now and (place.until_day is None or day <= place.until_day):
            missed.append(day)
    return missed[::-1]


def has_cards(programme: CheckInProgramme) -> bool:
    return bool(programme.free_cards or programme.card_price)


def cards_left(*, programme: CheckInProgramme, member: Member) -> int:
    """How many free cards a member still has."""
    used = CheckIn.objects.filter(programme=programme, member=member, source=Source.MAKE_UP, price=0).count()
    return max(0, programme.free_cards - used)


def make_up(*, now: datetime, programme: CheckInProgramme, member: Member, group: Group, day: date) -> CheckIn:
    """Makes a missed day up: with a free card while there is one, else for points. Done twice it is one card.

    Raises CheckInRefused when the day cannot be made up (any more), or neither a card nor points are left.
    """
    with transaction.atomic():
        programme_hold(programme.pk)
        row = CheckIn.objects.filter(programme=programme, member=member, day=day).first()
        if row is not None and row.source == Source.MAKE_UP:
            return row
        allowed = days_to_make_up(programme=programme, member=member, group=group, now=now)
        if row is not None or day not in allowed or not in_programme(programme, group, day):
            raise CheckInRefused(_("This day cannot be made up."))
        price = 0
        if not cards_left(programme=programme, member=member):
            price = programme.card_price
            if not price:
                raise CheckInRefused(_("No make-up card is left."))
        row = CheckIn.objects.create(
            programme=programme,
            member=member,
            group=group,
            day=day,
            source=Source.MAKE_UP,
            state=CheckInState.COUNTED,
            at=now,
            noted_at=now,
            price=price,
        )
        if price:
            try:
                points_transfer(
                    key=f"make-up:{row.pk}",
                    debit=account_of(member),
                    credit=issuer(),
                    amount=price,
                    reason=_("%(programme)s: make-up card for %(day)s") % {"programme": programme.name, "day": day},
                    by=None,
                    now=now,
                )
            except NotEnoughPoints as error:
                raise CheckInRefused(
                    _("A card costs %(price)d points, and you have %(balance)d.")
                    % {"price": price, "balance": error.balance}
                ) from None
        settle(programme=programme, members=[member.pk], now=now, days=[day])
    return row


def card_return(*, row: CheckIn, now: datetime) -> None:
    """Gives a card back whose day turned out not to be missed: the points it cost; a free one is free again once the
    row says so. Must run under programme_hold()."""
    if row.price:
        points_transfer(
            key=f"make-up-back:{row.pk}",
            debit=issuer(),
            credit=account_of(row.member),
            amount=row.price,
            reason=_("%(programme)s: make-up card for %(day)s") % {"programme": row.programme.name, "day": row.day},
            by=None,
            now=now,
        )
