"""Prizes and red envelopes of the demo brand: one envelope that is over, one that is open and one that comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from accounts.models import User
from campaigns.envelopes.services import Plan, Refused, budget_save, envelope_plan, round_end, round_open, share_claim
from campaigns.prizes.models import Prize
from campaigns.prizes.services import OutOfStock, award_address_set, awards_mark_sent, prize_award, prize_create
from groups.models import Group
from members.models import Member
from members.points.services import account_of, issuer, points_transfer

CLAIMED = 6
# Title, description, stock, price, whether it is sent by mail.
PRIZES = (
    ("《小王子》签名本", "作者签名，限量。", 20, None, True),
    ("绘本盲盒", "随机一本三至六年级的绘本。", 50, 200, True),
    ("阅读直播课名额", "周六晚八点，名师带读。", None, 80, False),
)


def gifts_write(*, staff: Mapping[str, User], groups: Sequence[Group], now: datetime) -> None:
    lin, mei = staff["lin"], staff["mei"]
    lively = next((one for one in groups if one.branch_id == mei.branch_id and one.may_be_posted_to), None)
    if lively is None:
        return
    present = Member.objects.filter(memberships__group=lively, memberships__left_at=None)
    members = list(present.order_by("pk")[:CLAIMED])
    begun = now - timedelta(days=2)
    book, _blind_box, _seat = [
        prize_create(by=lin, now=begun, title=title, text=text, stock=stock, points_price=price, needs_address=is_sent)
        for title, text, stock, price, is_sent in PRIZES
    ]
    for place, member in enumerate(members):
        points_transfer(
            key=f"hand:demo-{member.pk}",
            debit=issuer(),
            credit=account_of(member),
            amount=60 + 40 * place,
            reason="迎新积分",
            by=mei,
            now=begun,
        )
    _awards(mei, book, lively, members, begun)
    budget = budget_save(by=lin, now=begun, budget=None, name="开课红包", branch=mei.branch, month_limit=5000)
    for greeting, at in (
        ("春季开课大吉", begun),
        ("今晚八点开讲", now - timedelta(minutes=10)),
        ("周末愉快", now + timedelta(days=1)),
    ):
        plan = Plan(greeting, budget, 200, 10, [lively], [at], open_minutes=240, announces=False)
        row = envelope_plan(by=mei, now=at if at < now else now, plan=plan).rounds.get()
        if not round_open(round_id=row.pk, now=min(at, now)):
            continue
        for member in members:
            try:
                share_claim(round_id=row.pk, member=member, now=at + timedelta(minutes=1))
            except Refused:
                continue
        round_end(round_id=row.pk, now=now)


def _awards(mei: User, book: Prize, group: Group, members: Sequence[Member], begun: datetime) -> None:
    for place, member in enumerate(members[:3]):
        try:
            row = prize_award(
                prize=book,
                member=member,
                group=group,
                key=f"demo:{member.pk}",
                reason="连续打卡 21 天",
                now=begun,
            )
        except OutOfStock:
            return
        if place:
            award_address_set(
                now=begun, award=row, recipient=member.name, phone="138 0000 0000", address="杭州市西湖区文三路 1 号"
            )
        if place == 1:
            awards_mark_sent(by=mei, now=begun, awards=[row], tracking="顺丰 SF0000000001")
