"""Titles that a group gives its members."""

from __future__ import annotations

import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse

from accounts.models import AuditEntry
from groups.models import Group
from members.entry.models import GroupTitle
from members.entry.services import title_give, titles_save
from members.models import Membership
from tests.base import Cast
from tests.builders import make_group, make_member


@pytest.fixture
def group(cast: Cast) -> Group:
    group = make_group("阅读群", branch=cast.hangzhou)
    for name in ("甲", "乙", "丙"):
        make_member(name, [group])
    titles_save(
        by=cast.mei,
        group=group,
        titles=[GroupTitle(name="阅读达人", meaning="连续打卡 21 天"), GroupTitle(name="班长", exclusive=True)],
    )
    return group


def memberships(*names: str) -> list[Membership]:
    return list(Membership.objects.filter(member__name__in=names))


def held() -> dict[str, str]:
    return dict(Membership.objects.exclude(title="").values_list("member__name", "title"))


def give(cast: Cast, group: Group, title: str, *names: str) -> int:
    return title_give(by=cast.mei, group=group, memberships=memberships(*names), title=title)


def test_a_title_is_given_to_many_and_each_is_on_record(cast: Cast, group):
    assert give(cast, group, "阅读达人", "甲", "乙") == 2
    assert give(cast, group, "阅读达人", "甲") == 0
    assert held() == {"甲": "阅读达人", "乙": "阅读达人"}
    assert AuditEntry.objects.filter(action="member.title_given").count() == 2


def test_an_exclusive_title_passes_on(cast: Cast, group):
    give(cast, group, "班长", "甲")
    give(cast, group, "班长", "乙")
    assert held() == {"乙": "班长"}
    assert AuditEntry.objects.get(action="member.title_taken").subject_name == "甲"
    with pytest.raises(ValidationError, match="one holder"):
        give(cast, group, "班长", "甲", "丙")


def test_a_title_of_another_group_is_refused(cast: Cast, group):
    with pytest.raises(ValidationError, match="no such title"):
        title_give(by=cast.mei, group=make_group(), memberships=memberships("甲"), title="班长")


def test_a_title_is_taken_away(cast: Cast, group):
    give(cast, group, "班长", "甲")
    assert give(cast, group, "", "甲") == 1
    assert held() == {}


def test_renamed_titles_are_renamed_for_their_holders_even_when_they_swap(cast: Cast, group):
    give(cast, group, "阅读达人", "甲")
    give(cast, group, "班长", "乙")
    first, second = GroupTitle.objects.filter(group=group)
    first.name, second.name = "班长", "阅读达人"
    titles_save(by=cast.mei, group=group, titles=[first, second])
    assert held() == {"甲": "班长", "乙": "阅读达人"}


def test_a_deleted_title_is_taken_from_its_holders(cast: Cast, group):
    give(cast, group, "阅读达人", "甲")
    titles_save(by=cast.mei, group=group, titles=[GroupTitle.objects.get(name="班长")])
    assert held() == {}


def test_what_several_hold_cannot_become_exclusive(cast: Cast, group):
    give(cast, group, "阅读达人", "甲", "乙")
    title = GroupTitle.objects.get(name="阅读达人")
    title.exclusive = True
    with pytest.raises(ValidationError, match="Several members"):
        titles_save(by=cast.mei, group=group, titles=[title])


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite takes one writer at a time")
def test_an_exclusive_title_given_by_two_at_once_has_one_holder(cast: Cast, group):
    barrier = threading.Barrier(3)

    def work(name: str) -> None:
        try:
            chosen = memberships(name)
            barrier.wait()
            title_give(by=cast.mei, group=group, memberships=chosen, title="班长")
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in ("甲", "乙", "丙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held()) == 1


class TestPage:
    def test_titles_are_written_and_given_in_the_browser(self, client, cast: Cast, group):
        client.force_login(cast.mei)
        address = reverse("members:group_titles", args=[group.pk])
        first, second = GroupTitle.objects.filter(group=group)
        form = {
            "titles-TOTAL_FORMS": 3,
            "titles-INITIAL_FORMS": 2,
            "titles-0-pk": first.pk,
            "titles-0-name": "读书王",
            "titles-1-pk": second.pk,
            "titles-1-name": "班长",
            "titles-1-DELETE": "on",
            "titles-2-name": "热心家长",
            "titles-2-meaning": "常帮人答疑",
        }
        assert client.post(address, form).status_code == 302
        assert list(GroupTitle.objects.values_list("name", flat=True)) == ["读书王", "热心家长"]
        chosen = memberships("甲", "丙")
        client.post(
            reverse("members:group_title_give", args=[group.pk]),
            {"membership": [row.pk for row in chosen], "title": "读书王"},
        )
        assert held() == {"甲": "读书王", "丙": "读书王"}
        rows = client.get(address, {"title": f"t{first.pk}"}).context["listing"].rows
        assert {row.member.name for row in rows} == {"甲", "丙"}

    def test_members_of_other_groups_cannot_be_ticked(self, client, cast: Cast, group):
        other = make_member("丁", [make_group(branch=cast.hangzhou)])
        client.force_login(cast.mei)
        client.post(
            reverse("members:group_title_give", args=[group.pk]),
            {"membership": [other.memberships.get().pk], "title": "阅读达人"},
        )
        assert held() == {}

    def test_the_groups_page_names_those_who_hold_a_title(self, client, cast: Cast, group):
        give(cast, group, "班长", "乙")
        page = client.get(reverse("member:group", args=[group.page_token])).content.decode()
        assert page.index("乙") < page.index("班长")
        assert "甲" not in page
