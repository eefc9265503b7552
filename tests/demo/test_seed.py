"""The demo fills an empty installation, once, with something that every page can show."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from datetime import time, timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.test import override_settings

from accounts.models import Branch, User
from activity.models import Event
from campaigns.demo.seed import Seeded, demo_seed
from campaigns.models import GroupSending, Order, Post
from campaigns.posts.limits import Limits, limits_of_all
from delivery.models import Delivery, FeedItem, State
from groups.models import Group, GroupState
from members.models import Member
from members.points.models import Transfer
from members.points.reasons import words_for
from tests.builders import NOW

# On SQLite the browser works on a demo.
pytestmark = [pytest.mark.production, pytest.mark.django_db]
EVENING = NOW + timedelta(hours=9)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module", autouse=True)
def seeded(django_db_setup, django_db_blocker, data_dir):
    """One demo for all tests of this file, which only look at it: making it is most of the work. It is made twice, and
    what the first one held is kept for comparison."""
    with override_settings(DATA_DIR=data_dir), django_db_blocker.unblock():
        with transaction.atomic():
            demo_seed(now=EVENING, members=600)
            earlier = fingerprint()
            transaction.set_rollback(True)
        with transaction.atomic():
            yield Demo(demo_seed(now=EVENING, members=600), earlier)
            transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def its_data_dir(settings, data_dir):
    settings.DATA_DIR = data_dir


@dataclass
class Demo:
    made: Seeded
    earlier: list[tuple]


def fingerprint():
    columns = ("member_id", "group_id", "kind__slug", "channel__code", "at", "value")
    rows = list(Event.objects.order_by("pk").values_list(*columns))
    lowest = min(row[0] for row in rows), min(row[1] for row in rows if row[1])
    return [(row[0] - lowest[0], row[1] and row[1] - lowest[1], *row[2:]) for row in rows]


def test_it_makes_a_brand_with_branches_staff_groups_members_and_events(seeded):
    made = seeded.made
    assert Branch.objects.count() == 3
    assert Group.objects.count() == made.groups == 40
    assert Member.objects.count() == made.members == 600
    assert Event.objects.count() == made.events > 5000
    roles = {user.username: (user.role, user.branch and user.branch.code) for user in User.objects.all()}
    assert roles["lin"] == ("admin", None)
    assert roles["mei"] == ("operator", "hangzhou")
    assert roles["ana"] == ("manager", None)
    assert {branch for role, branch in roles.values() if role == "operator"} == {"hangzhou", "chengdu", "wuhan"}


def test_nothing_that_it_tells_happened_after_now():
    newest = Event.objects.latest("at").at
    assert EVENING - timedelta(hours=12) < newest <= EVENING
    assert Event.objects.earliest("at").at >= EVENING - timedelta(days=121)


def test_every_state_of_a_group_is_there_and_figures_are_counted():
    states = set(Group.objects.values_list("state", flat=True))
    assert states == {GroupState.ACTIVE, GroupState.FORMING, GroupState.ARCHIVED}
    assert Group.objects.filter(active_7d__gt=0, messages_7d__gt=0).count() > 20
    quiet = Group.objects.filter(state=GroupState.ACTIVE, last_event_at__lt=EVENING - timedelta(days=14))
    assert quiet.count() >= 3


def test_orders_and_their_events_agree():
    events = dict(Event.objects.filter(kind__slug="ordered").values_list("key", "value"))
    orders = dict(Order.objects.values_list("key", "amount"))
    assert orders
    assert orders == events


def test_every_movement_of_points_says_in_words_what_it_was_for():
    assert [transfer.key for transfer in Transfer.objects.all() if not words_for(transfer)[0]] == []


def test_posts_went_out_and_others_are_planned():
    sent = Delivery.objects.filter(state=State.SENT)
    assert sent.filter(due_at__gte=EVENING - timedelta(days=1)).exists()
    assert FeedItem.objects.count() == sent.count()
    assert not Delivery.objects.filter(state=State.PLANNED, due_at__lte=EVENING).exists()
    assert Delivery.objects.filter(state=State.PLANNED, due_at__range=(EVENING, EVENING + timedelta(days=2))).exists()
    assert Delivery.objects.need_a_person().count() >= 2
    assert Post.objects.count() >= 8
    # Several times a day, to an audience, with a picture, of a piece; nothing limits every group.
    assert Post.objects.filter(slots=["09:00", "14:00", "21:00"], holidays="skip", audience__isnull=False).exists()
    assert Post.objects.exclude(link="").exists()
    assert Post.objects.exclude(piece=None).exists()
    assert GroupSending.objects.count() == 2
    assert limits_of_all() == Limits(0, time(0), time(0))
    planned = Delivery.objects.filter(state=State.PLANNED)
    assert set(planned.values_list("kind", flat=True)) <= {"inapp", "webhook"}


def test_the_same_moment_gives_the_same_community(seeded):
    assert seeded.earlier == fingerprint()


def test_a_second_time_changes_nothing(capsys, data_dir):
    passwords = (data_dir / "demo-sign-in.json").read_bytes()
    counted = Event.objects.count(), Delivery.objects.count()
    with time_machine.travel(EVENING, tick=False):
        call_command("seed_demo", members=200)
    assert "already there" in capsys.readouterr().out
    assert (Event.objects.count(), Delivery.objects.count()) == counted
    assert (data_dir / "demo-sign-in.json").read_bytes() == passwords


def test_passwords_are_kept_where_only_the_owner_reads_them_and_open_the_door(client, data_dir):
    path = data_dir / "demo-sign-in.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    people = json.loads(path.read_text(encoding="utf-8"))
    assert {tuple(person) for person in people} == {("username", "password", "role", "branch")}
    for person in people:
        assert User.objects.get(username=person["username"]).check_password(person["password"])
