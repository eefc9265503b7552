"""Tags: by hand, on many at once, by a rule. And the fields of members."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.urls import reverse

from groups.bulk.actions import action_named
from groups.bulk.services import bulk_preview
from members.fields.services import field_archive, field_define, field_restore, field_update
from members.models import FieldDefinition, Member, MemberTag, Note, Tag
from members.services import StaleMember, member_update, member_version
from members.tags.services import members_tag, members_untag, tag_create, tag_delete, tag_update
from members.tasks import apply_tag_rules
from members.timeline.services import note_add
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

SILENT = {"all": [{"field": "last_seen", "op": "before", "value": 30}]}


@pytest.fixture
def people(cast: Cast) -> list[Member]:
    here, there = make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)
    long_ago = NOW - timedelta(days=3000)
    return [make_member("ann", [here], long_ago), make_member("ben", [here]), make_member("cai", [there], long_ago)]


def tagged(tag: Tag) -> list[str]:
    return sorted(MemberTag.objects.filter(tag=tag).values_list("member__name", flat=True))


class TestTags:
    def test_a_tag_is_put_on_once_and_taken_off(self, cast: Cast, people):
        tag = tag_create(by=cast.mei, now=NOW, name="VIP")
        assert tag.branch == cast.hangzhou
        assert len(members_tag(by=cast.mei, now=NOW, tag=tag, members=people[:2])) == 2
        assert members_tag(by=cast.mei, now=NOW, tag=tag, members=people[:1]) == []
        assert members_untag(by=cast.mei, tag=tag, members=people) == [people[0].pk, people[1].pk]

    def test_a_rule_puts_its_tag_on_and_takes_it_off(self, cast: Cast, people):
        shared = tag_create(by=cast.lin, now=NOW, name="沉默", rule=SILENT)
        theirs = tag_create(by=cast.mei, now=NOW, name="沉默", rule=SILENT)
        assert tagged(shared) == ["ann", "cai"]
        assert tagged(theirs) == ["ann"], "a branch's rule sees the branch's members"
        Member.objects.filter(name="ann").update(last_seen_at=None)
        with time_machine.travel(NOW, tick=False):
            for _time in range(2):
                apply_tag_rules()
        assert tagged(shared) == ["cai"]
        assert tagged(theirs) == []

    def test_people_leave_tags_of_rules_alone(self, cast: Cast, people):
        tag = tag_create(by=cast.lin, now=NOW, name="沉默", rule=SILENT)
        for act in (
            lambda: members_tag(by=cast.lin, now=NOW, tag=tag, members=people),
            lambda: members_untag(by=cast.lin, tag=tag, members=people),
        ):
            with pytest.raises(ValidationError):
                act()
        tag_update(by=cast.lin, now=NOW, tag=tag, name="曾沉默", rule=None)
        assert tagged(tag) == ["ann", "cai"], "without its rule it stays where it is"

    def test_two_tags_of_a_branch_have_two_names(self, cast: Cast, people):
        tag = tag_create(by=cast.mei, now=NOW, name="VIP")
        tag_create(by=cast.out, now=NOW, name="VIP")
        with pytest.raises(ValidationError):
            tag_create(by=cast.mei, now=NOW, name="VIP")
        assert tag_delete(by=cast.mei, tag=tag) == 0

    def test_many_are_tagged_at_once_with_a_preview_and_undo(self, cast: Cast, people):
        tag = tag_create(by=cast.lin, now=NOW, name="VIP")
        members_tag(by=cast.lin, now=NOW, tag=tag, members=people[:1])
        action, params = action_named("member.tag"), {"tag": str(tag.pk)}
        preview = bulk_preview(by=cast.lin, action=action, params=params, chosen=Member.objects.all())
        assert (preview.changing.count, [part.count for part in preview.unchanged]) == (2, [1])
        done = action.apply(people[1:], params, cast.lin, NOW)
        assert tagged(tag) == ["ann", "ben", "cai"]
        members_untag(by=cast.lin, tag=tag, members=[people[2]])
        kept = action.undo([(member, {}) for member in people[1:] if member.pk in done], params, cast.lin, NOW)
        assert list(kept) == [people[2].pk]
        assert tagged(tag) == ["ann"]

    def test_the_pages_make_change_and_delete_tags(self, client, cast: Cast, people):
        client.force_login(cast.mei)
        rule = {"row": "1", "field-1": "last_seen", "op-1": "before", "value-1": "2000", "block-1": "0"}
        client.post(reverse("members:tag_new"), {"name": "沉默", "how": "rule", **rule})
        tag = Tag.objects.get()
        assert (tag.branch, tagged(tag)) == (cast.hangzhou, ["ann"])
        assert client.post(reverse("members:tag_new"), {"name": "x", "how": "rule"}).status_code == 422
        address = reverse("members:tag", args=[tag.pk])
        assert client.post(address, {"name": "沉默", "how": "hand"}).status_code == 302
        client.post(reverse("members:member_tag", args=[people[1].pk]), {"tag": tag.pk})
        assert tagged(tag) == ["ann", "ben"]
        client.post(reverse("members:member_tag", args=[people[1].pk]), {"tag": tag.pk, "act": "off"})
        rows = client.get(reverse("members:list"), {"tag": tag.pk}).context["listing"].rows
        assert [member.name for member in rows] == ["ann"]
        client.post(reverse("members:tag_delete", args=[tag.pk]))
        assert not Tag.objects.exists()

    def test_a_branch_uses_shared_tags_and_does_not_change_them(self, client, cast: Cast, people):
        tag = tag_create(by=cast.lin, now=NOW, name="VIP", rule=SILENT)
        client.force_login(cast.mei)
        address = reverse("members:tag", args=[tag.pk])
        assert client.get(address).status_code == 200
        assert client.post(address, {"name": "x", "how": "hand"}).status_code == 403
        assert client.post(reverse("members:tag_delete", args=[tag.pk])).status_code == 403


class TestFields:
    def test_a_field_is_filled_in_shown_and_filtered_by(self, client, cast: Cast, people):
        campus = field_define(
            by=cast.lin, label="校区", key="campus", kind="choice", choices=["城西", "城东"], in_list=True
        )
        field_define(by=cast.lin, label="生日", key="birthday", kind="date", required=True)
        client.force_login(cast.mei)
        address = reverse("members:edit", args=[people[0].pk])
        assert client.post(address, {"name": "ann", "own_campus": "城西"}).status_code == 422
        assert client.post(address, {"name": "ann", "own_birthday": "昨天"}).status_code == 422
        assert (
            client.post(address, {"name": "ann", "own_birthday": "2018-05-01", "own_campus": "城西"}).status_code == 302
        )
        assert Member.objects.get(name="ann").fields == {"campus": "城西", "birthday": "2018-05-01"}
        listing = client.get(reverse("members:list"), {"own_campus": "城西"}).context["listing"]
        assert [member.name for member in listing.rows] == ["ann"]
        assert "城西" in client.get(reverse("members:detail", args=[people[0].pk])).content.decode()
        export = client.get(reverse("members:list"), {"export": "csv"})
        assert "2018-05-01" in b"".join(export.streaming_content).decode()
        field_archive(by=cast.lin, definition=campus, now=NOW)
        assert "城西" not in client.get(reverse("members:list")).content.decode()
        field_restore(by=cast.lin, definition=campus)
        assert "城西" in client.get(reverse("members:list")).content.decode()

    def test_a_field_of_headquarters_is_nowhere_in_a_branch(self, client, cast: Cast, people):
        field_define(by=cast.lin, label="风险", key="risk", kind="text", headquarters_only=True, in_list=True)
        member_update(by=cast.lin, member=people[0], changes={}, fields={"risk": "高风险"})
        client.force_login(cast.mei)
        for name, args in (("list", []), ("detail", [people[0].pk]), ("edit", [people[0].pk])):
            assert "风险" not in client.get(reverse(f"members:{name}", args=args)).content.decode()
        client.post(reverse("members:edit", args=[people[0].pk]), {"name": "ann"})
        assert Member.objects.get(name="ann").fields == {"risk": "高风险"}

    def test_definitions_are_checked(self, cast: Cast):
        with pytest.raises(ValidationError):
            field_define(by=cast.lin, label="x", kind="choice")
        with pytest.raises(ValidationError):
            field_define(by=cast.lin, label="x", key="Größe", kind="text")
        made = field_define(by=cast.lin, label="孩子年龄", kind="number")
        assert made.key.startswith("field_")
        field_update(by=cast.lin, definition=made, changes={"label": "年龄", "kind": "text"})
        assert FieldDefinition.objects.get().kind == "number"

    def test_the_second_of_two_editors_is_told(self, client, cast: Cast, people):
        version = member_version(people[0])
        member_update(by=cast.lin, member=people[0], changes={"identity": "老师"})
        with pytest.raises(StaleMember):
            member_update(by=cast.lin, member=people[0], changes={"identity": "家长"}, version=version)
        client.force_login(cast.mei)
        answer = client.post(
            reverse("members:edit", args=[people[0].pk]), {"name": "ann", "identity": "家长", "version": version}
        )
        assert answer.status_code == 409
        assert "老师" in answer.content.decode()

    def test_settings_pages_make_and_change_fields(self, client, cast: Cast):
        client.force_login(cast.lin)
        values = {"label": "校区", "kind": "choice", "choices": "城西\n城东", "position": "1", "in_list": "on"}
        assert client.post(reverse("members:field_new"), values).status_code == 302
        field = FieldDefinition.objects.get()
        assert (field.choices, field.in_list) == (["城西", "城东"], True)
        assert client.post(reverse("members:field_new"), {**values, "choices": ""}).status_code == 422
        client.post(reverse("members:field", args=[field.pk]), {"label": "校区", "choices": "城北", "position": "2"})
        assert FieldDefinition.objects.get().choices == ["城北"]
        client.post(reverse("members:field_archive", args=[field.pk]))
        client.post(reverse("members:field_restore", args=[field.pk]))


class TestNotes:
    def test_a_note_is_read_by_the_branch_and_headquarters_only(self, client, cast: Cast):
        member = make_member("ann", [make_group(branch=cast.hangzhou), make_group(branch=cast.chengdu)])
        client.force_login(cast.mei)
        client.post(reverse("members:note_new", args=[member.pk]), {"text": "约了周六"})
        seen = {}
        for name in ("mei", "lin", "ana", "out"):
            client.force_login(getattr(cast, name))
            seen[name] = "约了周六" in client.get(reverse("members:detail", args=[member.pk])).content.decode()
        assert seen == {"mei": True, "lin": True, "ana": True, "out": False}
        note = Note.objects.get()
        client.force_login(cast.out)
        assert client.post(reverse("members:note_delete", args=[member.pk, note.pk])).status_code == 404
        client.force_login(cast.mei)
        client.post(reverse("members:note_delete", args=[member.pk, note.pk]))
        assert not Note.objects.exists()

    def test_entries_of_all_sorts_stand_in_one_order(self, client, cast: Cast):
        member = make_member("ann", [make_group(branch=cast.hangzhou)], NOW - timedelta(days=3))
        for number in range(60):
            note_add(by=cast.mei, now=NOW - timedelta(hours=number // 2), member=member, text=f"n{number}")
        client.force_login(cast.mei)
        address, after, seen = reverse("members:timeline", args=[member.pk]), "", []
        while True:
            page = client.get(address, {"after": after}).context["page"]
            seen += [(entry.source.slug, entry.number, entry.at) for entry in page.entries]
            if page.next is None:
                break
            after = str(page.next)
        assert len(seen) == len(set(seen))
        assert {slug for slug, _number, _at in seen} >= {"events", "notes"}
        times = [at for _slug, _number, at in seen]
        assert times == sorted(times, reverse=True)
        assert sum(slug == "notes" for slug, _number, _at in seen) == 60
