"""What a person should look at before spend is taken in: channels that would be new, and rows that seem to be there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from itertools import islice

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from activity.models import Channel
from members.acquisition.models import ChannelSpend
from members.acquisition.offered import channels_offered
from members.imports.importers import Doubt
from members.imports.values import RENMINBI, read_currency

# Pairs of codes, each of which takes some ten microseconds.
MOST_COMPARED = 20_000
# What two rows have in common that are one spend in other words: channel, branch, days, amount and currency.
Likeness = tuple[str, int | None, date, date, Decimal, str]


def channels_new(codes: Iterable[str], *, by: User) -> dict[str, str]:
    """Those that nobody has heard of, each with the code that is nearest to it of those that may be named, or nothing.
    Neighbours are looked for as long as a page can wait."""
    wanted = list(dict.fromkeys(codes))
    known = set(Channel.objects.filter(code__among=wanted).values_list("code", flat=True))
    new = dict.fromkeys((code for code in wanted if code not in known), "")
    if not new:
        return {}
    spelled = {code.casefold(): code for code in channels_offered(by).values_list("code", flat=True)}
    for code in islice(new, MOST_COMPARED // max(1, len(spelled))):
        for found in get_close_matches(code.casefold(), spelled, n=1):
            new[code] = spelled[found]
    return new


def doubt_new(codes: dict[int, str], *, by: User) -> Doubt | None:
    """Of channels by the place of their row."""
    places = {code: place for place, code in reversed(codes.items())}
    new = channels_new(codes.values(), by=by)
    if not new:
        return None
    head = ngettext(
        "%(number)d channel is not known yet and would be registered. Make sure that it is no typing mistake.",
        "%(number)d channels are not known yet and would be registered. Make sure that none is a typing mistake.",
        len(new),
    )
    near = _("%(code)s, close to %(known)s which is known")
    rows = [(places[code], near % {"code": code, "known": known} if known else code) for code, known in new.items()]
    return Doubt(head % {"number": len(new)}, rows)


def doubt_there(wanted: dict[int, Likeness], *, by: User, found: Iterable[ChannelSpend]) -> Doubt | None:
    """Of rows, by their place, that are not recognised. `found` are the spends that other rows were recognised as."""
    if not wanted:
        return None
    rows = ChannelSpend.objects.visible_to(by).in_force().exclude(pk__in=[spend.pk for spend in found])
    rows = rows.filter(channel__code__among=list({likeness[0] for likeness in wanted.values()}))
    alike: dict[Likeness, list[ChannelSpend]] = defaultdict(list)
    for spend in rows.select_related("channel", "created_by").order_by("-pk"):
        alike[likeness_of(spend)].append(spend)
    seem = [(place, _there(alike[like].pop())) for place, like in wanted.items() if alike[like]]
    if not seem:
        return None
    head = ngettext(
        "%(number)d row looks as if it were there already. If it is the same spend, take it out of the file.",
        "%(number)d rows look as if they were there already. If they are the same spend, take them out of the file.",
        len(seem),
    )
    return Doubt(head % {"number": len(seem)}, seem)


def likeness_of(spend: ChannelSpend) -> Likeness:
    """Also of one that was written down when RMB was still kept as a currency of its own."""
    currency = read_currency(spend.currency) if spend.currency in RENMINBI else spend.currency
    return (spend.channel.code, spend.branch_id, spend.first_day, spend.last_day, spend.amount, currency)


def _there(spend: ChannelSpend) -> str:
    words = _("%(amount)s %(currency)s on %(channel)s, %(first)s – %(last)s, written down on %(day)s")
    if spend.created_by:
        words = _("%(amount)s %(currency)s on %(channel)s, %(first)s – %(last)s, written down on %(day)s by %(name)s")
    return words % {
        "amount": f"{spend.amount:,.2f}",
        "currency": spend.currency,
        "channel": spend.channel.code,
        "first": spend.first_day,
        "last": spend.last_day,
        "day": timezone.localdate(spend.created_at),
        "name": spend.created_by,
    }
