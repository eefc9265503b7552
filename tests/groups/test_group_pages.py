from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from accounts.models import AuditEntry
from groups.models import Group, GroupState
from groups.services import group_archive, group_update
from tests.builders import NOW, make_group, make_member

FIELDS = {
    "name": "三年级阅读群",
    "external_id": "",
    "capacity": "500",
    "motivation": "",
    "community_type": "",
    "purpose": "",
}


@pytest.fixture
def group(cast):
    return make_group("Reading of Hangzhou", branch=cast.hangzhou)


def url(name, group=None):
    return reverse(f"groups:{name}", args=[group.pk] if group else [])


# Who may open what


@pytest.mark.parametrize("name", ["detail", "members", "feed", "deliveries"])
def test_a_group_is_seen_by_its_branch_and_headquarters_only(client, cast, group, name):
    assert client.get(url(name, group)).status_code == 302
    for person, status in ((cast.mei, 200), (cast.ana, 200), (cast.lin, 200), (cast.out, 404)):
        client.force_login(person)
        assert client.get(url(name, group)).status_code == status
    client.force_login(cast.mei)
    assert client.post(url(name, group)).status_code == 405


def test_only_those_who_may_change_reach_the_forms(client, cast, group):
    for name, args in (("new", None), ("edit", group)):
        client.force_login(cast.ana)
        assert client.get(url(name, args)).status_code == 403
        assert client.post(url(name, args), FIELDS).status_code == 403
    client.force_login(cast.out)
    assert client.get(url("edit", group)).status_code == 404
    assert client.post(url("edit", group), FIELDS).status_code == 404


@pytest.mark.parametrize("name", ["archive", "restore"])
def test_archiving_takes_a_post_of_somebody_who_may(client, cast, group, name):
    for person, status in ((cast.mei, 405), (cast.out, 405)):
        client.force_login(person)
        assert client.get(url(name, group)).status_code == status
    for person, status in ((cast.ana, 403), (cast.out, 404)):
        client.force_login(person)
        assert client.post(url(name, group)).status_code == status
    group.refresh_from_db()
    assert group.state == GroupState.ACTIVE


# Making and changing


def test_a_group_without_positioning_is_forming_and_its_page_says_why(client, cast):
    client.force_login(cast.lin)
    response = client.post(url("new"), FIELDS, follow=True)
    group = Group.objects.get()
    assert group.state == GroupState.FORMING
    assert group.external_id.startswith("g-")
    page = response.content.decode()
    assert "Not written down yet:" in page
    assert "Pain point" in page


WHOLE = {
    "motivation": "growth",
    "purpose": "Read 20 minutes a day",
    "pain_point": "The child does not like books",
    "usage_scene": "At breakfast and at eight in the evening",
    "promise": "A teacher answers the same day",
    "slogan": "A page a day",
    "internal_slogan": "Habits first",
}


def test_the_form_opens_a_group_only_by_its_button_and_with_the_whole_positioning(client, cast):
    client.force_login(cast.lin)
    client.post(url("new"), {**FIELDS, "motivation": "growth", "purpose": "Read 20 minutes a day"})
    group = Group.objects.get()
    assert group.state == GroupState.FORMING, "kept, not opened"
    refused = client.post(url("edit", group), {**edit_fields(client, group), "open": "1"})
    assert refused.status_code == 422
    lacking = {"pain_point", "usage_scene", "promise", "slogan", "internal_slogan"}
    assert set(refused.context["form"].errors) == lacking
    assert "This must be written down before the group opens." in refused.content.decode()
    group.refresh_from_db()
    assert group.state == GroupState.FORMING
    client.post(url("edit", group), {**edit_fields(client, group), **WHOLE, "open": "1", "use_preset": ""})
    group.refresh_from_db()
    assert group.state == GroupState.ACTIVE
    assert AuditEntry.objects.filter(action="group.opened").count() == 1
    assert group.rule_set is None, "the preset was not wanted"


def test_opening_takes_over_the_preset_where_the_group_has_nothing(client, cast):
    client.force_login(cast.lin)
    for name in ("一群", "二群"):
        client.post(url("new"), {**FIELDS, **WHOLE, "name": name, "open": "1", "use_preset": "on"})
    first, second = Group.objects.order_by("pk")
    assert first.state == GroupState.ACTIVE
    assert first.rule_set == second.rule_set, "groups of one motivation share the rules of its preset"
    assert first.rule_set.versions.get(state="published").rules.count() == 5
    assert first.plan.mix["learning"] == 50
    page = client.get(url("detail", first)).content.decode()
    assert "开营仪式" in page
    assert "step=joined" in page, "the funnel of the preset"
    for field in ("purpose", "slogan", "internal_slogan"):
        assert WHOLE[field] in page


def test_a_group_that_was_forming_when_it_was_archived_is_not_opened_by_the_way(client, cast):
    client.force_login(cast.lin)
    client.post(url("new"), {**FIELDS, "motivation": "growth", "purpose": "Read"})
    group = Group.objects.get()
    client.post(url("archive", group))
    client.post(url("restore", group))
    group.refresh_from_db()
    assert group.state == GroupState.FORMING


def test_tags_and_audience_are_edited_with_the_group_and_two_editors_notice(client, cast, group):
    client.force_login(cast.mei)
    mine = edit_fields(client, group)
    sent = {**mine, "tags": "重点，新群", "audience_tier": "senior", "audience_identity": "家长"}
    assert client.post(url("edit", group), sent).status_code == 302
    group.refresh_from_db()
    assert (group.audience_tier, group.audience_identity) == ("senior", "家长")
    assert {tag.name for tag in group.tags.all()} == {"重点", "新群"}
    assert client.post(url("edit", group), sent).status_code == 409, "the tags are part of what was seen"
    names = [group.name for group in client.get("/groups/?tier=senior&identity=家长").context["listing"].rows]
    assert names == [group.name]


def test_staff_of_a_branch_make_groups_of_their_branch(client, cast):
    client.force_login(cast.mei)
    client.post(url("new"), {**FIELDS, "branch": cast.chengdu.pk})
    assert Group.objects.get().branch == cast.hangzhou


def test_a_bad_form_keeps_what_was_typed_and_marks_the_field(client, cast, group):
    client.force_login(cast.lin)
    sent = {**FIELDS, "external_id": group.external_id, "purpose": "kept <b>", "capacity": "many"}
    response = client.post(url("new"), sent)
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"external_id", "capacity"}
    page = response.content.decode()
    assert "kept &lt;b&gt;" in page
    assert 'aria-invalid="true"' in page


def test_an_active_group_keeps_its_purpose(client, cast, group):
    client.force_login(cast.mei)
    response = client.post(url("edit", group), {**edit_fields(client, group), "purpose": ""})
    assert response.status_code == 422
    assert "purpose" in response.context["form"].errors
    group.refresh_from_db()
    assert group.purpose


def edit_fields(client, group):
    form = client.get(url("edit", group)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: "" if value is None else value for name, value in values.items()}


def test_two_people_who_edit_one_group_are_told(client, cast, group):
    client.force_login(cast.mei)
    mine = edit_fields(client, group)
    group_update(by=cast.lin, now=NOW, group=group, changes={"purpose": "Purpose of Lin", "slogan": "Slogan of Lin"})
    response = client.post(url("edit", group), {**mine, "purpose": "Purpose of Mei"})
    assert response.status_code == 409
    page = response.content.decode()
    assert "lin" in page
    assert "Purpose of Lin" in page, "what the other one wrote is shown"
    assert "Purpose of Mei" in page, "what was typed stays"
    group.refresh_from_db()
    assert group.purpose == "Purpose of Lin"
    # Sent again it is meant.
    again = {**mine, "purpose": "Purpose of Mei", "version": response.context["form"]["version"].value()}
    assert client.post(url("edit", group), again).status_code == 302
    group.refresh_from_db()
    assert group.purpose == "Purpose of Mei"


def test_figures_that_move_by_themselves_do_not_count_as_an_edit(client, cast, group):
    client.force_login(cast.mei)
    mine = edit_fields(client, group)
    Group.objects.filter(pk=group.pk).update(member_count=12, messages_7d=40)
    assert client.post(url("edit", group), {**mine, "slogan": "New"}).status_code == 302


def test_every_change_is_written_down_with_who_made_it(client, cast, group):
    client.force_login(cast.mei)
    client.post(url("edit", group), {**edit_fields(client, group), "slogan": "A page a day"})
    entry = AuditEntry.objects.get(action="group.updated")
    assert (entry.actor, entry.before, entry.after) == (cast.mei, {"slogan": ""}, {"slogan": "A page a day"})


def test_archiving_offers_undo_and_undo_brings_the_group_back(client, cast, group):
    client.force_login(cast.mei)
    page = client.post(url("archive", group), follow=True).content.decode()
    assert f'action="{url("restore", group)}"' in page
    group.refresh_from_db()
    assert group.state == GroupState.ARCHIVED
    client.post(url("restore", group))
    group.refresh_from_db()
    assert group.state == GroupState.ACTIVE


def test_a_dismissed_group_stays_dismissed(cast, group):
    Group.objects.filter(pk=group.pk).update(state=GroupState.DISMISSED)
    assert not group_archive(by=cast.lin, group=group)
    group.refresh_from_db()
    assert group.state == GroupState.DISMISSED


# Reading


def test_the_overview_shows_the_week_against_the_week_before_and_each_day(client, cast, group):
    with time_machine.travel(NOW, tick=False):
        for days in (1, 2, 2, 9):
            make_member(groups=[group], now=NOW - timedelta(days=days))
        client.force_login(cast.mei)
        context = client.get(url("detail", group)).context
    assert (context["this_week"].joined, context["week_before"].joined) == (3, 1)
    assert (context["this_week"].active, context["this_week"].messages) == (3, 0)
    active = [day.active for day in context["days"]]
    assert len(active) == 30
    assert active[-10:] == [1, 0, 0, 0, 0, 0, 0, 2, 1, 0]


def test_days_of_the_chart_are_local_days(cast, group):
    # 00:30 in Shanghai is still the day before in UTC.
    make_member(groups=[group], now=NOW.replace(hour=16, minute=30, day=1))
    from groups.selectors import group_days

    days = group_days(group=group, now=NOW)
    assert [(day.day.isoformat(), day.active) for day in days if day.active] == [("2026-03-02", 1)]


def test_texts_of_staff_are_escaped(client, cast, group):
    Group.objects.filter(pk=group.pk).update(name="<script>alert(1)</script>", purpose="<img src=x>")
    client.force_login(cast.mei)
    for page in (url("detail", group), url("list"), url("edit", group), "/search/?q=script"):
        content = client.get(page).content.decode()
        assert "<script>alert" not in content
        assert "<img src=x" not in content
