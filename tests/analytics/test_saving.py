"""The members behind a number, kept as a segment."""

from __future__ import annotations

import re
from html import escape, unescape

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from members.models import ListedMember, Member, MemberList, Segment
from members.segments import services
from members.segments.builder import definition_words
from members.segments.selectors import segment_members
from members.segments.services import segment_delete, segment_of_members, segment_update
from members.tags.services import tag_create
from tests.analytics.test_overview import did, page
from tests.builders import NOW, make_group, make_member

pytestmark = pytest.mark.django_db

SAVE = "/reports/people/save/?report=overview&days=7&figure=active"


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def community(cast):
    mine, theirs = make_group("Reading", branch=cast.hangzhou), make_group("Maths", branch=cast.chengdu)
    cast.mine = mine
    cast.ann, cast.bob, cast.dee = (make_member(name) for name in ("Ann", "Bob", "Dee"))
    did(cast.ann, "message", 3, mine)
    did(cast.bob, "message", 4, mine)
    did(cast.dee, "message", 3, theirs)
    return cast


def post(user, address, status=302, **data):
    client = Client()
    client.force_login(user)
    response = client.post(address, data)
    assert response.status_code == status
    return response


def names(segment, user):
    return sorted(segment_members(segment, user=user, now=NOW).values_list("name", flat=True))


def test_members_behind_a_number_become_a_segment_that_stays_as_it_is(community):
    link = "/reports/people/?report=overview&days=7&figure=active"
    way = unescape(re.search(r'href="(/reports/people/save/[^"]+)"', page(community.mei, link))[1])
    form = page(community.mei, way)
    assert "2 members are kept as they stand now" in form
    assert 'value="Overview · Active members · 2026-02-23 – 2026-03-01"' in form
    response = post(community.mei, way, name="Active in February")
    segment = Segment.objects.get()
    assert response["Location"] == f"/segments/{segment.pk}/"
    assert (segment.name, segment.branch, segment.owner) == ("Active in February", community.hangzhou, community.mei)
    assert definition_words(segment.definition, community.mei) == ["On the list is one of Active in February"]
    did(make_member("Late"), "message", 2, make_group("More", branch=community.hangzhou))
    assert names(segment, community.mei) == ["Ann", "Bob"]
    assert "Ann" in page(community.mei, response["Location"])
    entry = AuditEntry.objects.get(action="segment.members_kept")
    assert (entry.actor, entry.after, entry.branch_id) == (community.mei, {"members": 2}, community.hangzhou.pk)


@pytest.mark.parametrize(
    ("report", "figure", "kept"), [("channels", "joined", ["Eve"]), ("branches", "active", ["Ann", "Bob", "Eve"])]
)
def test_the_members_of_a_channel_and_of_a_branch_are_kept_too_and_nobody_else(community, report, figure, kept):
    """The button stands on each page of members, and keeps those who stand on that page."""
    did(make_member("Eve"), "joined", 5, community.mine, channel="gate")
    found = page(community.mei, f"/reports/{report}/")
    links = map(unescape, re.findall(rf'href="(/reports/{report}/[^"]*people/[^"]*figure={figure}[^"]*)"', found))
    link = next(link for link in links if "channel=0" not in link and "channel=all" not in link)
    way = unescape(re.search(r'href="(/reports/people/save/[^"]+)"', page(community.mei, link))[1])
    assert f'href="{escape(link)}' in page(community.mei, way)  # the way back
    post(community.mei, way, name="Kept")
    assert names(Segment.objects.get(), community.mei) == kept
    for wrong in ("report=channels", "report=branches&number=x&figure=active", "report=branches&number=1&figure=no"):
        page(community.mei, f"/reports/people/save/?{wrong}", status=404)
    page(community.out, way, status=404)


def test_a_number_that_counts_more_than_members_says_so(community):
    did(community.ann, "message", 2, community.mine)
    assert "everybody who did it stands once" in page(community.mei, "/reports/people/?figure=events")
    assert "Here everybody" not in page(community.mei, "/reports/people/?figure=active")
    joined = page(community.mei, "/reports/people/?report=overview&figure=members")
    assert "who is in two groups takes two" in joined


def test_what_was_searched_for_narrows_what_is_kept(community):
    post(community.lin, f"{SAVE}&q=ann", name="Only Ann", branch=community.hangzhou.pk)
    segment = Segment.objects.get()
    assert names(segment, community.lin) == ["Ann"]
    assert segment.branch == community.hangzhou


def test_managers_read_and_make_no_segments(community):
    assert "Save as segment" not in page(community.ana, "/reports/people/?report=overview&days=7&figure=active")
    page(community.ana, SAVE, status=403)
    post(community.ana, SAVE, status=403, name="No")
    page(community.mei, "/reports/people/save/?report=nothing", status=404)


def test_a_branch_neither_keeps_nor_sees_members_of_another(community):
    ids = [community.ann.pk, community.dee.pk]
    own = segment_of_members(by=community.mei, now=NOW, name="Mine", members=ids)
    assert names(own, community.lin) == ["Ann"]
    assert [row.member for row in ListedMember.objects.all()] == [community.ann]
    shared = segment_of_members(by=community.lin, now=NOW, name="All", members=ids)
    assert (names(shared, community.mei), names(shared, community.out)) == (["Ann"], ["Dee"])
    assert MemberList.objects.visible_to(community.out).get().name == "All"
    # Another branch's list cannot be named: its members are not found by its number.
    with pytest.raises(ValidationError):
        segment_update(by=community.out, segment=shared, name="All", definition=own.definition)


def test_a_name_that_is_taken_and_too_many_members_are_refused_and_nothing_is_left_behind(community, monkeypatch):
    ids = [community.ann.pk, community.bob.pk]
    segment_of_members(by=community.lin, now=NOW, name="Taken", members=ids)
    refused = post(community.lin, SAVE, status=422, name="Taken")
    assert "There is a segment of this name already." in refused.content.decode()
    monkeypatch.setattr(services, "MOST_LISTED", 1)
    for members in (ids, []):
        with pytest.raises(ValidationError):
            segment_of_members(by=community.lin, now=NOW, name="Other", members=members)
    assert (Segment.objects.count(), MemberList.objects.count(), ListedMember.objects.count()) == (1, 1, 2)


def test_a_list_goes_with_the_last_that_names_it(community):
    first = segment_of_members(by=community.lin, now=NOW, name="First", members=[community.ann.pk])
    listed = first.definition["all"][0]
    silent = {"field": "last_seen", "op": "before", "value": 30}
    second = services.segment_create(
        by=community.lin, now=NOW, name="Second", definition={"all": [silent, {"any": [listed, silent]}]}
    )
    tag_create(by=community.lin, now=NOW, name="Tagged", rule=first.definition)
    segment_delete(by=community.lin, segment=first)
    segment_update(by=community.lin, segment=second, name="Second", definition={"all": [silent]})
    assert MemberList.objects.count() == 1  # the rule of a tag still names it
    other = segment_of_members(by=community.lin, now=NOW, name="Other", members=[community.ann.pk])
    segment_delete(by=community.lin, segment=other)
    assert MemberList.objects.get().name == "First"


def test_many_members_are_written_by_as_many_statements_as_few(community):
    Member.objects.bulk_create(Member(external_id=f"many-{number}", name="M") for number in range(5_000))
    ids = list(Member.objects.values_list("pk", flat=True))

    def statements(name, members):
        with CaptureQueriesContext(connection) as captured:
            segment_of_members(by=community.lin, now=NOW, name=name, members=members)
        # SQLite's executemany is noted as one statement.
        return len(captured)

    few = statements("Few", ids[:2])
    assert statements("Many", ids) == few
    assert ListedMember.objects.count() == 5_003 + 2
