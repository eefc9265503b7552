"""Roles in the settings: the matrix, the duties of each role, the line for opinion leaders."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry, Role, User
from accounts.policies import policy_get
from groups.models import Duty, DutyCheck, Rhythm
from groups.roles.duties import SUGGESTED, DutyDraft, StaleDuties, duties_save, duties_version, duty_tick
from groups.roles.models import GroupRole, Permission
from groups.roles.permissions import OPERATOR, may
from members.roles.leaders import LeaderPolicy
from tests.builders import NOW, make_group, make_member


def undo_of(response):
    tags = next(message.extra_tags for message in response.context["messages"] if "undo:" in message.extra_tags)
    return tags.split("undo:", 1)[1].split(" ")[0]


def test_one_press_changes_a_permission_and_one_takes_it_back(client, cast):
    group = make_group(branch=cast.hangzhou)
    client.force_login(cast.lin)
    data = {"role": OPERATOR, "permission": "post", "allowed": "0"}
    response = client.post("/settings/roles/cell/", data, follow=True)
    assert not may(cast.mei, Permission.POST, group)
    assert not response.context["is_default"]
    client.post(undo_of(response))
    assert may(cast.mei, Permission.POST, group)
    assert "meanwhile" not in client.post("/settings/roles/cell/", data, follow=True).content.decode()
    assert "meanwhile" in client.post("/settings/roles/cell/", data, follow=True).content.decode()


@pytest.mark.parametrize(
    "data",
    [
        {"role": "king", "permission": "post", "allowed": "1"},
        {"role": "leader", "permission": "fly", "allowed": "1"},
        {"role": "leader", "permission": "post", "allowed": "maybe"},
        {},
    ],
)
def test_cells_that_do_not_exist_are_not_found(client, cast, data):
    client.force_login(cast.lin)
    assert client.post("/settings/roles/cell/", data).status_code == 404


def test_resetting_tells_how_many_changed(client, cast):
    client.force_login(cast.lin)
    client.post("/settings/roles/cell/", {"role": "member", "permission": "post", "allowed": "1"})
    assert "1 permission" in client.post("/settings/roles/reset/", follow=True).content.decode()


def test_each_row_says_whom_it_concerns(client, cast):
    group = make_group(branch=cast.hangzhou)
    make_member(groups=[group, make_group()])
    client.force_login(cast.lin)
    rows = {row["role"]: row for row in client.get("/settings/roles/").context["rows"]}
    assert rows[OPERATOR]["staff"] == 2
    assert rows["member"]["members"] == 1


def test_an_administrator_of_a_branch_reads_the_matrix_and_changes_nothing(client, cast):
    User.objects.filter(pk=cast.mei.pk).update(role=Role.ADMIN)
    client.force_login(cast.mei)
    assert client.get("/settings/roles/").status_code == 200
    for part in ("cell", "reset", "leaders", "duties/suggest", "duties/owner"):
        assert client.post(f"/settings/roles/{part}/").status_code == 403


def test_duties_are_written_changed_and_taken_away_and_their_past_stays(client, cast):
    client.force_login(cast.lin)
    address = "/settings/roles/duties/owner/"
    client.post(address, {"text": ["迎新", "复盘"], "rhythm": ["daily", "weekly"], "duty": ["", ""]})
    welcome, _review = Duty.objects.filter(role="owner")
    duty_tick(by=cast.lin, now=NOW, duty=welcome, groups=[make_group()])
    data = {"text": ["", "周复盘"], "rhythm": ["daily", "weekly"], "duty": [welcome.pk, _review.pk]}
    client.post(address, data)
    assert [duty.text for duty in Duty.objects.in_force()] == ["周复盘"]
    assert DutyCheck.objects.get().duty == welcome
    entry = AuditEntry.objects.filter(action="duty.changed").first()
    assert (entry.before["duties"], entry.after["duties"]) == (["迎新", "复盘"], ["周复盘"])


def test_of_two_who_edit_duties_the_second_sees_the_first_and_loses_nothing(client, cast):
    version = duties_version([])
    duties_save(by=cast.lin, now=NOW, role="owner", drafts=[DutyDraft("先写的", Rhythm.DAILY)])
    client.force_login(cast.lin)
    data = {"text": ["后写的"], "rhythm": ["weekly"], "duty": [""], "version": version}
    response = client.post("/settings/roles/duties/owner/", data)
    assert response.status_code == 409
    text = response.content.decode()
    assert "先写的" in text
    assert "后写的" in text
    with pytest.raises(StaleDuties):
        duties_save(by=cast.lin, now=NOW, role="owner", drafts=[], version=version)
    form = next(form for form in response.context["duties"] if form["role"] == "owner")
    client.post("/settings/roles/duties/owner/", data | {"version": form["version"]})
    assert [duty.text for duty in Duty.objects.in_force()] == ["后写的"]


def test_suggested_duties_fill_only_roles_that_have_none(client, cast):
    duties_save(by=cast.lin, now=NOW, role="owner", drafts=[DutyDraft("自己的", Rhythm.DAILY)])
    client.force_login(cast.lin)
    client.post("/settings/roles/duties/suggest/")
    owners = [text for role, _rhythm, text in SUGGESTED if role == GroupRole.OWNER]
    assert Duty.objects.in_force().count() == len(SUGGESTED) - len(owners) + 1


def test_the_line_for_opinion_leaders_is_kept_and_two_editors_are_told(client, cast):
    client.force_login(cast.lin)
    form = {"share": 12, "window_days": 30, "again_days": 90, "version": 0}
    assert client.post("/settings/roles/leaders/", form).status_code == 302
    assert policy_get(LeaderPolicy) == LeaderPolicy(share=12, window_days=30, again_days=90)
    response = client.post("/settings/roles/leaders/", form | {"share": 8})
    assert response.status_code == 409
    assert client.post("/settings/roles/leaders/", form | {"share": 8, "version": 1}).status_code == 302
    assert client.post("/settings/roles/leaders/", form | {"share": 99, "version": 2}).status_code == 422
