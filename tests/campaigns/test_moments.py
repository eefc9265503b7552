"""A plan of Moments asks for each post in time, draws what it says, and knows what was missed."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse

from campaigns.models import MomentsPlan, MomentsPost, Piece, Series
from campaigns.moments.services import SlotDraft, StaleMoments, moments_save, moments_tick
from members.models import StaffTask
from members.work.services import task_reopen, task_settle
from tests.base import Cast
from tests.builders import NOW  # noon in Shanghai

HOUR = timedelta(hours=1)


def plan_of(cast: Cast, *slots: SlotDraft, plan: MomentsPlan | None = None, **more) -> MomentsPlan:
    about = {"account": "小美", "persona": "", "user": cast.mei, "is_active": True, "branch": cast.hangzhou, **more}
    return moments_save(by=cast.mei, now=NOW, plan=plan, slots=slots, **about)


def tick(now) -> None:
    moments_tick(now=now)
    moments_tick(now=now)


def test_each_slot_is_one_task_for_who_posts_two_hours_ahead(cast: Cast):
    plan_of(cast, SlotDraft(time(14, 30), "今天的书单"), SlotDraft(time(21), "晚安"))
    tick(NOW)
    assert not StaffTask.objects.exists()
    tick(NOW + HOUR)
    task = StaffTask.objects.get()
    assert (task.assignee, task.data["words"], task.due_at) == (cast.mei, "今天的书单", NOW + 2.5 * HOUR)
    assert task.branch == cast.hangzhou


def test_done_is_posted_and_an_hour_late_is_missed(cast: Cast):
    plan_of(cast, SlotDraft(time(13), "一"), SlotDraft(time(13, 30), "二"))
    tick(NOW)
    first, second = StaffTask.objects.order_by("due_at")
    task_settle(by=cast.mei, now=NOW, task=first, outcome="posted")
    assert task_reopen(by=cast.mei, now=NOW, task=first)
    task_settle(by=cast.mei, now=NOW, task=StaffTask.objects.get(pk=first.pk), outcome="posted")
    tick(NOW + 2.4 * HOUR)
    assert set(MomentsPost.objects.values_list("state", flat=True)) == {"posted", "waiting"}
    tick(NOW + 2.6 * HOUR)
    second.refresh_from_db()
    assert second.state == "cancelled"
    assert list(MomentsPost.objects.order_by("due_at").values_list("state", flat=True)) == ["posted", "missed"]


def test_a_series_gives_another_piece_each_time(cast: Cast):
    made = {"value": "learning", "created_at": NOW, "updated_at": NOW, "branch": cast.hangzhou}
    for name in ("一", "二"):
        Piece.objects.create(title=name, text=f"内容{name}", **made)
    series = Series.objects.create(name="每日一读", branch=cast.hangzhou, created_at=NOW)
    plan_of(cast, SlotDraft(time(13), series=series), SlotDraft(time(13, 30), series=series))
    tick(NOW)
    assert set(MomentsPost.objects.values_list("text", flat=True)) == {"内容一", "内容二"}


def test_slots_taken_out_and_a_paused_plan_ask_for_nothing(cast: Cast):
    plan = plan_of(cast, SlotDraft(time(13), "一"), SlotDraft(time(13, 30), "二"))
    tick(NOW)
    plan_of(cast, SlotDraft(time(13), "一"), plan=plan)
    assert StaffTask.objects.open().count() == 1
    plan_of(cast, SlotDraft(time(13), "一"), plan=plan, is_active=False)
    tick(NOW + 24 * HOUR)
    assert not StaffTask.objects.open().exists()


def test_mistakes_are_named_and_two_editors_are_told(cast: Cast):
    with pytest.raises(ValidationError) as caught:
        plan_of(cast, SlotDraft(time(9), "一"), SlotDraft(time(9), "二"), account=" ", user=cast.out)
    assert set(caught.value.message_dict) == {"account", "user", "__all__"}
    plan = plan_of(cast, SlotDraft(time(9), "一"))
    plan_of(cast, SlotDraft(time(9), "二"), plan=plan, version=1)
    with pytest.raises(StaleMoments):
        plan_of(cast, SlotDraft(time(9), "三"), plan=plan, version=1)


def test_the_page_shows_the_week_and_the_form_keeps_what_was_typed(client, cast: Cast):
    plan = plan_of(cast, SlotDraft(time(13), "今天的书单"), SlotDraft(time(21), "晚安"))
    client.force_login(cast.mei)
    with time_machine.travel(NOW, tick=False):
        tick(NOW)
        page = client.get(reverse("campaigns:moments_plan", args=[plan.pk]))
        today = next(cells for _day, cells, is_today in page.context["days"] if is_today)
        assert [bool(cell.post) for cell in today] == [True, False]
        assert [cell.is_best for cell in today] == [False, True]
        typed = {"account": "", "persona": "温和", "user": cast.mei.pk, "at": ["13:00"], "source": [""], "text": ["一"]}
        address = reverse("campaigns:moments_edit", args=[plan.pk])
        wrong = client.post(address, typed)
        assert wrong.status_code == 422
        assert "温和" in wrong.content.decode()
        assert client.post(address, {**typed, "account": "小美", "is_active": "yes"}).status_code == 302
        assert plan.slots.filter(removed_at=None).count() == 1
