"""The mix of values: what was sent against what the group aims at, honest for few posts."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.urls import reverse

from campaigns.content.mix import group_mixes, mix_of, week_bounds, week_of
from delivery.models import Delivery
from delivery.services import Content, NewDelivery, deliveries_plan, message_create
from groups.models import GroupPlan
from tests.builders import NOW, make_group

MONDAY = date(2026, 3, 2)
EVEN = {"information": 20, "benefit": 20, "opinion": 20, "learning": 20, "link": 20}


@pytest.fixture
def mei(client, cast):
    client.force_login(cast.mei)
    return client


def send(group, value, times=1, at=NOW):
    message = message_create(content=Content(title="早", text="早", value=value))
    for number in range(times):
        key = f"{group.pk}-{value}-{number}-{at.isoformat()}"
        row = NewDelivery(key, "inapp", None, group.pk, group.external_id, at, "late", at)
        deliveries_plan(message=message, rows=[row])
        Delivery.objects.filter(dedupe_key=key).update(state="sent", settled_at=at)


def test_shares_are_of_what_is_classified_and_the_furthest_below_is_suggested():
    mix = mix_of({"learning": 6, "benefit": 2, "": 4}, EVEN)
    assert (mix.sent, mix.classified, mix.unclassified, mix.is_small) == (12, 8, 4, False)
    assert [(share.count, share.percent) for share in mix.shares] == [(0, 0), (2, 25), (0, 0), (6, 75), (0, 0)]
    assert mix.off == 60
    assert mix.suggestion.value == "information"


def test_little_and_nothing_say_so():
    assert mix_of({"learning": 2}, EVEN).is_small
    only_unknown = mix_of({"": 3}, EVEN)
    assert (only_unknown.off, only_unknown.suggestion, only_unknown.shares[0].percent) == (None, None, None)
    assert mix_of({"learning": 6}, None).off is None
    assert mix_of(dict.fromkeys(EVEN, 4), EVEN).suggestion is None
    # One post more of a value that is a little short would be further off.
    assert mix_of({"learning": 6, "benefit": 4}, {"learning": 58, "benefit": 42}).suggestion is None


def test_weeks_begin_on_local_monday():
    assert week_of(date(2026, 3, 8)) == MONDAY
    start, end = week_bounds(MONDAY)
    assert (start, end) == (datetime(2026, 3, 1, 16, tzinfo=UTC), datetime(2026, 3, 8, 16, tzinfo=UTC))


@pytest.mark.django_db
def test_the_target_is_what_the_group_took_over_or_the_preset_of_its_motivation():
    own, preset, none = make_group(), make_group(), make_group(motivation="", state="forming")
    GroupPlan.objects.create(group=own, motivation="growth", mix=EVEN, days=[], noise_ceiling=100, starts_on=MONDAY)
    send(own, "learning", 2)
    send(own, "learning", at=datetime(2026, 3, 8, 16, tzinfo=UTC))  # next week already
    mixes = group_mixes([own, preset, none], MONDAY)
    assert mixes[own.pk].sent == 2
    assert {share.target for share in mixes[own.pk].shares} == {20}
    assert sum(share.target for share in mixes[preset.pk].shares) == 100
    assert {share.target for share in mixes[none.pk].shares} == {None}


@pytest.mark.django_db
@time_machine.travel(NOW, tick=False)
def test_the_page_puts_the_furthest_off_first_and_costs_the_same_for_many(mei, cast, django_assert_max_num_queries):
    lopsided = make_group("偏科群", branch=cast.hangzhou)
    send(lopsided, "benefit", 9)
    elsewhere = make_group("成都的群", branch=cast.chengdu)
    send(elsewhere, "benefit", 9)
    counts = []
    for number in (2, 18):
        for _ in range(number):
            group = make_group(branch=cast.hangzhou)
            for value in EVEN:
                send(group, value, 2)
            send(make_group(branch=cast.hangzhou), "benefit")
        with django_assert_max_num_queries(30) as captured:
            page = mei.get(reverse("campaigns:mix"))
        counts.append(len(captured))
        assert page.context["page"].object_list[0][0] == lopsided
        assert elsewhere.name not in page.content.decode()
    assert counts[0] == counts[1]
    assert mei.get(reverse("campaigns:mix") + "?week=2026-02-27").context["monday"] == date(2026, 2, 23)
    for nonsense in ("?week=9999-12-31", "?week=x&page=y&sort=z", "?week=0001-01-01"):
        assert mei.get(reverse("campaigns:mix") + nonsense).status_code == 200
    file = b"".join(mei.get(reverse("campaigns:mix") + "?export=csv")).decode("utf-8-sig")
    assert "偏科群,9,0,9,0,0,0,0," in file
    part = mei.get(reverse("campaigns:group_mix", args=[lopsided.pk])).content.decode()
    assert "9 posts" in part
    assert mei.get(reverse("campaigns:group_mix", args=[elsewhere.pk])).status_code == 404
