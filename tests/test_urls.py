"""Who gets what at which address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.scopes import Scope
from accounts.services import token_issue
from analytics.health.services import health_walk
from analytics.saved.services import report_save
from campaigns.deliveries.services import delivery_test
from campaigns.models import Scene, SpecialDay
from campaigns.posts.services import Schedule, post_create
from campaigns.stories.services import benchmark_nominate
from delivery.models import Delivery
from groups.bulk.actions import action_named
from groups.bulk.services import bulk_start, bulk_work
from groups.models import Duty, Group, RuleSet
from groups.roles.duties import duties_suggest
from members.classes.promotion import promotion_run
from members.imports.services import import_upload, rejected_path
from members.models import ImportRun
from members.roles.services import member_role_grant
from members.visitors.services import link_code, link_make
from members.work.notes import task_write
from tests.analytics.digest_things import digest_things
from tests.base import Cast, make_cast
from tests.builders import make_group, make_member, make_rules
from tests.campaigns.activity_things import activity_things
from tests.campaigns.checkins.things import check_in_things
from tests.campaigns.content.things import content_things
from tests.campaigns.playbook_things import playbook_things
from tests.campaigns.prizes.things import prize_things
from tests.campaigns.talk import talk_things
from tests.matrix import ROUTES, WHO, Route
from tests.members.conduct import conduct_things
from tests.members.entry import entry_things
from tests.members.people_things import people_things
from tests.members.questions.things import question_things
from tests.members.seed_things import make_seed_things
from tests.members.spend_things import spend_things
from tests.members.visitors import phone_of

# On SQLite the browser walks every page.
pytestmark = pytest.mark.production


def routes(resolver: URLResolver, namespace: str = "") -> Iterator[str]:
    """The full names of everything that can be asked for."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from routes(pattern, inner)
        elif isinstance(pattern, URLPattern):
            assert pattern.name, f"{pattern.pattern} has no name"
            yield f"{namespace}{pattern.name}"


def test_every_address_is_in_the_matrix():
    served = set(routes(get_resolver()))
    assert sorted(served - ROUTES.keys()) == [], "add these to tests/matrix.py"
    assert sorted(ROUTES.keys() - served) == [], "these are gone: remove them from tests/matrix.py"


def signed_in(user: User) -> str:
    """The key of a session of this person."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


class World:
    """One of each thing, in Mei's branch, and a way to ask for pages as each person."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.people = {"lin": cast.lin, "mei": cast.mei, "ana": cast.ana, "out": cast.out}
        self.objects: dict[str, Any] = {}
        # Signing in takes as long as many a page, so it is done once; what a request does to the session does not stay.
        self.sessions = {who: signed_in(user) for who, user in self.people.items()}

    def browser(self, who: str) -> Client:
        """A new browser in which this person is signed in."""
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[who]
        return client

    def ask(self, who: str, method: str, name: str, route: Route) -> tuple[int, str]:
        """The status, and the address asked. Nothing that the request changes stays."""
        address = reverse(name, kwargs={kwarg: self.objects[thing] for kwarg, thing in route.args.items()})
        client = Client()
        headers = {}
        extra: dict[str, Any] = {"data": route.data}
        if address.startswith("/api/"):
            extra = {"data": json.dumps(route.data or {}), "content_type": "application/json"}
            if who in self.people:
                headers["authorization"] = f"Bearer {self.objects[f'{who}_token']}"
        elif who in self.people:
            client = self.browser(who)
        elif who == "phone":
            client = phone_of(self.objects["visitor"])
        with transaction.atomic():
            if method == "GET":
                response = client.get(address + route.query, headers=headers)
            else:
                response = client.post(address + route.query, headers=headers, **extra)
            response.getvalue()
            transaction.set_rollback(True)
        # A form that is shown again says 422 to a script and 200 to a browser; both mean that nothing was done.
        return 200 if response.status_code == 422 else response.status_code, f"{method} {address}"


def make_world(cast: Cast) -> World:
    world = World(cast)
    group = make_group("杭州·阅读打卡", branch=cast.hangzhou, external_id="g1")
    member = make_member("王子涵妈妈", groups=[group])
    world.objects |= {"group": group.pk, "member": member.pk, "mei": cast.mei.pk, "branch": cast.hangzhou.pk}
    now = timezone.now()
    duties_suggest(by=None, now=now)
    role = member_role_grant(by=cast.mei, now=now, membership=member.memberships.get(), role="leader")
    world.objects |= {"duty": Duty.objects.earliest("pk").pk, "role": "leader", "member_role": role.pk}
    world.objects["task"] = task_write(by=cast.mei, now=now, text="联系绘本馆", due_at=now, group=group).pk
    schedule = Schedule(timezone="Asia/Shanghai", rrule="FREQ=DAILY", start="2026-03-01T09:00")
    post = post_create(by=cast.mei, now=now, title="早安", body="今日书单", groups=[group], schedule=schedule)
    special_day = SpecialDay.objects.create(day=now.date(), name="Lantern")
    occasion = Scene.objects.create(slug="opening", name="Opening", month=5, day=4)
    world.objects |= {"special_day": special_day.pk, "occasion": occasion.pk}
    world.objects |= {"post": post.pk, "delivery": Delivery.objects.filter(post_id=post.pk).earliest("due_at").pk}
    world.objects |= {"occurrence": post.occurrences.latest("due_at").pk, "undo_token": "made-up"}
    link = link_make(by=cast.mei, now=now, member=member, group=group)
    world.objects |= {
        "page_token": group.page_token,
        "visitor": member,
        "link": link.pk,
        "link_code": link_code(link),
        "test": delivery_test(by=cast.mei, now=now, group=group, title="试发", text="试发").pk,
    }
    tagged = bulk_start(
        by=cast.mei,
        now=now,
        key="tags",
        action=action_named("group.tag"),
        params={"tags": "重点"},
        chosen=Group.objects.filter(pk=group.pk),
    )
    bulk_work(run_id=tagged.pk)
    world.objects |= {"bulk_run": tagged.pk, "bulk_subject": "group", "motivation": "growth"}
    world.objects |= {"promotion": promotion_run(by=cast.lin, now=now, year=2020).pk}
    upload = SimpleUploadedFile("messages.csv", b"occurred_at,group,member\n2026-03-01 09:00,g1,u1\n")
    run = import_upload(by=cast.mei, kind="messages", file=upload, now=now)
    finished = import_upload(by=cast.mei, kind="messages", file=upload, now=now)
    rejected_path(finished).write_text("reason\n", encoding="utf-8")
    ImportRun.objects.filter(pk=finished.pk).update(state="done", rows_rejected=1)
    world.objects |= {"import": run.pk, "import_done": finished.pk}
    world.objects |= make_rules(cast.lin, cast.hangzhou)
    rule_set = RuleSet.objects.get(pk=world.objects["rule_set"])
    world.objects |= conduct_things(cast.mei, group, member, rule_set, now)
    health_walk(now=now + timedelta(days=1))
    world.objects |= make_seed_things(by=cast.mei, group=group, member=member)
    world.objects |= people_things(by=cast.mei, admin=cast.lin, group=group, member=member, now=now)
    world.objects |= entry_things(by=cast.mei, group=group, member=member, now=now)
    world.objects |= question_things(by=cast.mei, group=group, member=member, now=now)
    world.objects |= digest_things(by=cast.mei, now=now)
    world.objects["saved_report"] = report_save(
        by=cast.mei, now=now, kind="activity", question="preset=7d", name="本周活跃", sharing="branch"
    ).pk
    world.objects["benchmark"] = benchmark_nominate(by=cast.mei, now=now, group=group, member=member).pk
    world.objects |= content_things(by=cast.mei, group=group, now=now)
    world.objects |= check_in_things(by=cast.mei, group=group, now=now)
    world.objects |= playbook_things(by=cast.mei, member=member, now=now)
    world.objects |= talk_things(by=cast.mei, group=group, now=now)
    world.objects |= spend_things(by=cast.mei, now=now)
    world.objects |= prize_things(by=cast.mei, group=group, member=member, now=now)
    world.objects |= activity_things(by=cast.mei, group=group, member=member, now=now)
    for who, user in world.people.items():
        scopes = [scope for scope in Scope.values if user.may_write or scope.endswith(":read")]
        token, world.objects[f"{who}_token"] = token_issue(by=None, user=user, scopes=scopes)
        world.objects.setdefault("token", token.pk)
    return world


@contextmanager
def lasting_world(blocker: DjangoDbBlocker) -> Iterator[World]:
    """A world for all tests of a module: making it takes longer than asking for a page, and nothing that is asked
    changes it."""
    with blocker.unblock(), transaction.atomic():
        yield make_world(make_cast())
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    with lasting_world(django_db_blocker) as made:
        yield made


# The mark has the database made, which a fixture of a module cannot ask for: pytest-django looks at the marks of the
# tests that were chosen.
@pytest.mark.django_db
@pytest.mark.parametrize("name", ROUTES)
def test_everybody_gets_what_they_may(world, settings, name):
    # A database of the broker in which no worker of another test gives signs of life.
    settings.REDIS_URL = f"{settings.REDIS_URL.rpartition('/')[0]}/9"
    route = ROUTES[name]
    for method, expected in (("GET", route.get), ("POST", route.post)):
        answers = {who: world.ask(who, method, name, route) for who in WHO}
        found = tuple(status for status, _address in answers.values())
        assert found == expected, f"{answers['lin'][1]}: {dict(zip(WHO, found, strict=True))}"
    if route.phone:
        found = tuple(world.ask("phone", method, name, route)[0] for method in ("GET", "POST"))
        assert found == route.phone, f"{name} on a member's phone"
