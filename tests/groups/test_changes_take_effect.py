"""A new version of rules and another branch of a group or a person work at the next request, for every role."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.scopes import Scope
from accounts.services import staff_update, token_issue
from groups.models import RuleSet
from groups.rules.content import RuleContent, version_content
from groups.rules.services import draft_open, draft_save, group_rule_set_assign, version_publish
from groups.services import group_update
from members.links import membership_token
from members.models import Violation
from tests.builders import NOW, make_group, make_member, make_rules
from tests.members.conduct import write

WHO = ("lin", "mei", "ana", "out")


@pytest.fixture
def group(cast):
    return make_group("阅读一群", branch=cast.hangzhou)


def pages(cast, address):
    """What each of the cast gets: the status, and the page."""
    found = {}
    for who in WHO:
        client = Client()
        client.force_login(getattr(cast, who))
        response = client.get(address)
        found[who] = (response.status_code, response.content.decode())
    return found


def by_api(cast, address):
    """The names of the groups that a token of each person is told."""
    found = {}
    for who in WHO:
        _token, secret = token_issue(by=None, user=getattr(cast, who), scopes=[Scope.GROUPS_READ])
        answer = Client().get(address, headers={"authorization": f"Bearer {secret}"})
        found[who] = [row["name"] for row in answer.json()["results"]]
    return found


def statuses(cast, group):
    return {who: status for who, (status, _page) in pages(cast, reverse("groups:detail", args=[group.pk])).items()}


def test_a_group_that_moves_to_another_branch_changes_hands(cast, group):
    assert statuses(cast, group) == {"lin": 200, "mei": 200, "ana": 200, "out": 404}
    group_update(by=cast.lin, now=NOW, group=group, changes={"branch_id": cast.chengdu.pk})
    assert statuses(cast, group) == {"lin": 200, "mei": 404, "ana": 200, "out": 200}
    name = [group.name]
    assert by_api(cast, "/api/v1/groups/") == {"lin": name, "mei": [], "ana": name, "out": name}


def test_a_person_who_moves_to_another_branch_leaves_its_groups_behind(cast, group):
    staff_update(by=cast.lin, user=cast.out, changes={"branch": cast.hangzhou})
    staff_update(by=cast.lin, user=cast.mei, changes={"branch": cast.chengdu})
    cast.out.refresh_from_db()
    cast.mei.refresh_from_db()
    assert statuses(cast, group) == {"lin": 200, "mei": 404, "ana": 200, "out": 200}
    assert by_api(cast, "/api/v1/groups/")["mei"] == []


def test_a_new_version_of_rules_is_what_everybody_reads_and_is_judged_by(cast, group):
    rule_set = RuleSet.objects.get(pk=make_rules(cast.lin, cast.hangzhou)["rule_set"])
    group_rule_set_assign(by=cast.lin, group=group, rule_set=rule_set)
    member = make_member("小林", groups=[group])
    write(group, member, "今晚抽奖", at=NOW + timedelta(minutes=1))
    assert not Violation.objects.exists()

    draft = draft_open(by=cast.lin, now=NOW, rule_set=rule_set)
    rule = RuleContent(
        text="不发抽奖", code="lots", category="advertising", detector="keywords", params={"words": ["抽奖"]}
    )
    content = version_content(draft)
    saved = draft_save(
        by=cast.lin,
        now=NOW,
        version=draft,
        revision=draft.revision,
        content=replace(content, rules=(*content.rules, rule)),
    )
    address = reverse("members:group_rules", args=[group.pk])
    assert "不发抽奖" not in pages(cast, address)["mei"][1], "a draft is nobody's rule"
    later = NOW + timedelta(hours=1)
    version_publish(by=cast.lin, now=later, version=saved.version, revision=saved.version.revision)

    shown = {who: (status, "不发抽奖" in page) for who, (status, page) in pages(cast, address).items()}
    assert shown == {"lin": (200, True), "mei": (200, True), "ana": (200, True), "out": (404, False)}
    page = Client().get(reverse("member:rules", args=[membership_token(member.memberships.get())]))
    assert "不发抽奖" in page.content.decode()
    write(group, member, "明天抽奖", id="second", at=later + timedelta(minutes=1), now=later + timedelta(minutes=2))
    assert Violation.objects.get().rule.text == "不发抽奖"
