"""Copies, erasing, retention."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import AuditEntry, User
from accounts.policies import policy_save
from activity.models import Event
from activity.services import event_key
from campaigns.models import Order
from campaigns.orders.services import NewOrder, orders_record
from groups.models import Group
from members.conduct.models import KeptMessage
from members.entry.models import Newcomer
from members.entry.services import (
    Applicant,
    application_make,
    entry_plan_save,
    introductions_remind,
    welcome_send,
)
from members.fields.services import field_define
from members.identities import tombstone_digest
from members.imports.services import import_run, import_start, import_upload, rejected_path
from members.ingestion import IncomingEvent, ingest, member_invited_by_set
from members.merging.services import MergeRefused, duplicates_deny, members_merge, merge_undo
from members.merging.uniting import pointers_at
from members.models import ImportRun, Member, MemberExport, Membership, Note, RetentionRun, StaffTask, Tombstone
from members.privacy.copying import person_tables
from members.privacy.retention import RetentionPolicy, periods, retention_apply
from members.privacy.services import AlreadyErased, erasure_preview, export_path, export_request, member_erase
from members.privacy.treatments import treatment_of
from members.services import member_create, member_update, members_ensure
from members.tags.services import members_tag, tag_create
from members.tasks import apply_retention, make_export, resume_exports
from members.timeline.services import note_add
from tests.api.base import Caller
from tests.base import Cast
from tests.builders import NOW, make_group, make_member

DAY = timedelta(days=1)
SECRETS = ("王子涵妈妈", "wx_zihan", "13900001111", "周末有空")


@pytest.fixture
def person(cast: Cast) -> Member:
    group = make_group("读书群", branch=cast.hangzhou)
    member = make_member("王子涵妈妈", [group], NOW - 10 * DAY)
    field_define(by=cast.lin, label="手机", key="phone", kind="text")
    member_update(by=cast.mei, member=member, changes={"contact": "wx_zihan"}, fields={"phone": "13900001111"})
    note_add(by=cast.mei, now=NOW, member=member, text="周末有空")
    members_tag(by=cast.mei, now=NOW, tag=tag_create(by=cast.mei, now=NOW, name="重点"), members=[member])
    ref = member.external_id
    event = IncomingEvent(event_key("t", "1"), ref, group.external_id, "message", NOW, properties='{"say": "周末有空"}')
    ingest(events=[event], source="t", by=None, create_missing=False, now=NOW)
    order = NewOrder(event_key("t", "o"), ref, NOW, "99.50", "CNY", "A-13900001111", 1, "课")  # type: ignore[arg-type]
    orders_record(orders=[order], source="t", by=None, now=NOW)
    KeptMessage.objects.create(
        key=event_key("t", "1"), member=member, group=group, at=NOW, type="text", text="周末有空", delete_after=NOW
    )
    member.refresh_from_db()
    return member


def everything() -> str:
    """Every value of every table that may know somebody."""
    rooms = {"accounts", "activity", "groups", "members", "campaigns", "delivery", "analytics"}
    rows = []
    for model in apps.get_models():
        if model._meta.app_label in rooms:
            rows += [
                json.dumps(list(row), default=str, ensure_ascii=False) for row in model._base_manager.values_list()
            ]
    return "\n".join(rows)


def test_every_table_that_points_at_a_member_says_what_erasing_does_to_it():
    for model in (Member, Membership):
        for pointer in pointers_at(model):
            if pointer.model is not Member:
                treatment_of(pointer)


class TestErasing:
    def test_nothing_that_says_who_it_was_is_left_anywhere(self, cast: Cast, person):
        ref = person.external_id
        assert all(secret in everything() for secret in SECRETS)
        member_erase(by=cast.lin, now=NOW, member=person)
        text = everything()
        assert [secret for secret in (*SECRETS, ref) if secret in text] == []

    def test_nobody_is_named_in_what_is_kept_about_others(self, cast: Cast, person):
        group = Group.objects.get()
        child, twin, lookalike = (make_member(name, [group], NOW - DAY) for name in ("孩子", "双胞胎", "同名"))
        member_invited_by_set(by=cast.mei, member=child, inviter=person)
        run = members_merge(by=cast.lin, now=NOW, winner=twin, loser=person)
        merge_undo(by=cast.lin, now=NOW, run=run)
        duplicates_deny(by=cast.lin, now=NOW, one=lookalike, other=person)
        entry_plan_save(by=cast.mei, group=group, changes={"welcomes": True, "is_open": True})
        person.refresh_from_db()
        membership = person.memberships.get()
        Newcomer.objects.create(membership=membership, group=group, number=1, joined_at=NOW)
        assert welcome_send(group_id=group.pk, now=NOW) == 1
        Membership.objects.filter(member=person).update(joined_at=NOW - DAY)
        assert introductions_remind(by=cast.mei, group=group, now=NOW)
        applicant = Applicant("新人", contact="wx_new", referrer=person.contact)
        application_make(group=group, applicant=applicant, now=NOW)
        assert all(secret in everything() for secret in SECRETS)
        member_erase(by=cast.lin, now=NOW, member=person)
        text = everything()
        assert [secret for secret in (*SECRETS, person.external_id) if secret in text] == []
        assert "孩子" in text
        assert f"#{person.pk}" in StaffTask.objects.get(kind="introductions").data["words"]

    def test_counts_and_reports_stay_what_they_were(self, cast: Cast, person):
        caller = Caller(cast.lin)
        question = {
            "metric": "unique",
            "interval": "day",
            "range": {"from": "2026-02-01", "to": "2026-03-31"},
            "event": {},
        }

        def figures():
            body = caller.post("/reports/activity/", question).json()
            group = caller.get("/groups/").json()["results"][0]
            return body["data"], body["overall"], group["member_count"], Order.objects.get().amount

        before = figures()
        member_erase(by=cast.lin, now=NOW, member=person)
        assert figures() == before
        assert before[1] == 1
        assert Event.objects.count() == 3

    def test_no_way_brings_the_person_back(self, cast: Cast, person):
        ref = person.external_id
        member_erase(by=cast.lin, now=NOW, member=person)
        events = [
            IncomingEvent(event_key("t", "1"), ref, "", "message", NOW),
            IncomingEvent(event_key("t", "new"), ref, "", "message", NOW),
        ]
        for create in (True, False):
            outcome = ingest(events=events, source="t", by=None, create_missing=create, now=NOW)
            assert [item.code for item in outcome.rejected] == ["erased_member"] * 2
        order = NewOrder(event_key("t", "o2"), ref, NOW, "1", "CNY")  # type: ignore[arg-type]
        assert [item.code for item in orders_record(orders=[order], source="t", by=None, now=NOW).rejected] == [
            "erased_member"
        ]
        assert members_ensure(external_ids=[ref]) == {}
        with pytest.raises(ValidationError):
            member_create(by=cast.lin, external_id=ref, name="x")
        assert Member.objects.count() == 1

    def test_the_tombstone_does_not_say_who_it_was(self, cast: Cast, person, settings):
        member_erase(by=cast.lin, now=NOW, member=person)
        digest = Tombstone.objects.get().digest
        assert digest == tombstone_digest(person.external_id)
        settings.SECRET_KEY = "another"
        assert tombstone_digest(person.external_id) != digest

    def test_the_audit_trail_says_that_it_was_done_and_no_name(self, cast: Cast, person):
        member_erase(by=cast.lin, now=NOW, member=person)
        entries = AuditEntry.objects.filter(subject_type="members.member", subject_id=person.pk)
        assert {"member.updated", "member.erased"} <= set(entries.values_list("action", flat=True))
        assert entries.get(action="member.erased").actor == cast.lin
        assert {entry.subject_name for entry in entries} == {"", f"#{person.pk}"}

    def test_rows_merged_into_the_person_go_along_and_a_merge_cannot_be_undone(self, cast: Cast, person):
        other = make_member("子涵妈妈")
        run = members_merge(by=cast.lin, now=NOW, winner=person, loser=other)
        member_erase(by=cast.lin, now=NOW, member=person)
        assert Tombstone.objects.count() == 2
        assert "子涵妈妈" not in everything()
        with pytest.raises(MergeRefused):
            merge_undo(by=cast.lin, now=NOW, run=run)

    def test_a_second_erasing_is_refused(self, cast: Cast, person):
        member_erase(by=cast.lin, now=NOW, member=person)
        with pytest.raises(AlreadyErased):
            member_erase(by=cast.lin, now=NOW, member=person)

    def test_the_preview_names_what_goes_and_what_stays(self, cast: Cast, person):
        held = {part.fate.value for part in erasure_preview(person)}
        assert held == {"goes", "stays", "emptied"}

    def test_the_name_is_typed_and_administrators_do_it(self, client, cast: Cast, person):
        address = reverse("members:erase", args=[person.pk])
        client.force_login(cast.mei)
        assert client.post(address, {"confirm": person.name}).status_code == 403
        client.post(reverse("members:erase_ask", args=[person.pk]))
        client.post(reverse("members:erase_ask", args=[person.pk]))
        assert StaffTask.objects.filter(kind="erase_member", branch=None).count() == 1
        client.force_login(cast.lin)
        client.post(address, {"confirm": "王子涵"})
        assert Member.objects.get().erased_at is None
        page = client.post(address, {"confirm": person.name}, follow=True)
        assert Member.objects.get().erased_at
        assert page.status_code == 200
        assert reverse("members:edit", args=[person.pk]) not in page.content.decode()
        rows = client.get(reverse("members:list")).context["listing"].rows
        assert list(rows) == []


class TestCopies:
    def test_a_copy_holds_all_tables_and_nobody_else(self, cast: Cast, person):
        friend = make_member("别人")
        Member.objects.filter(pk=person.pk).update(invited_by=friend)
        export = export_request(by=cast.mei, now=NOW, member=person)
        for _time in range(2):
            make_export(export.pk)
        export.refresh_from_db()
        with zipfile.ZipFile(export_path(export)) as archive:
            data = json.loads(archive.read("data.json"))
            page = archive.read("index.html").decode()
            events = archive.read("events.csv").decode("utf-8-sig")
        assert {"members.member", "members.note", "members.membertag", "campaigns.order"} <= data.keys()
        assert len(events.splitlines()) == 4
        for secret in SECRETS:
            assert secret in page + events
        assert "别人" not in page + events + json.dumps(data, ensure_ascii=False)
        assert next(name for name, *_rest in person_tables(person)) == "members.member"

    def test_a_branch_gets_no_copy_of_what_others_know(self, client, cast: Cast, person):
        field_define(by=cast.lin, label="评级", key="grade_hq", kind="text", headquarters_only=True)
        member_update(by=cast.lin, member=person, changes={}, fields={"grade_hq": "内部评级"})
        note_add(by=cast.lin, now=NOW, member=person, text="总部私记")
        export = export_request(by=cast.mei, now=NOW, member=person)
        make_export(export.pk)
        export.refresh_from_db()
        with zipfile.ZipFile(export_path(export)) as archive:
            text = archive.read("data.json").decode() + archive.read("index.html").decode()
        assert "周末有空" in text
        assert "内部评级" not in text
        assert "总部私记" not in text

        Membership.objects.create(member=person, group=make_group(branch=cast.chengdu), joined_at=NOW, last_seen_at=NOW)
        client.force_login(cast.mei)
        assert client.post(reverse("members:export", args=[person.pk])).status_code == 403
        assert client.get(reverse("members:export_file", args=[export.pk])).status_code == 403
        User.objects.filter(pk=cast.mei.pk).update(role="admin")
        assert Caller(cast.mei).post(f"/members/{person.pk}/export/", {}).status_code == 403
        assert MemberExport.objects.count() == 1
        client.force_login(cast.lin)
        assert client.post(reverse("members:export", args=[person.pk])).status_code == 302

    def test_the_api_names_no_inviter_who_is_out_of_reach(self, cast: Cast, person):
        stranger = make_member("成都介绍人", [make_group(branch=cast.chengdu)])
        Member.objects.filter(pk=person.pk).update(invited_by=stranger)
        assert Caller(cast.mei).get(f"/members/{person.pk}/").json()["invited_by"] is None
        assert Caller(cast.lin).get(f"/members/{person.pk}/").json()["invited_by"] == stranger.external_id

    def test_a_copy_is_for_the_person_who_asked(self, client, cast: Cast, person):
        client.force_login(cast.mei)
        client.post(reverse("members:export", args=[person.pk]))
        for _time in range(2):
            resume_exports()
        export = MemberExport.objects.get()
        address = reverse("members:export_file", args=[export.pk])
        answer = client.get(address)
        assert zipfile.is_zipfile(io.BytesIO(b"".join(answer.streaming_content)))
        client.force_login(cast.lin)
        assert client.get(address).status_code == 404


class TestRetention:
    def test_each_kind_goes_after_its_days_and_the_run_is_recorded(self, cast: Cast, person):
        policy_save(by=cast.lin, now=NOW, values=RetentionPolicy(days={"notes": 30, "exports": 3}))
        note_add(by=cast.lin, now=NOW - 31 * DAY, member=person, text="alt")
        export = export_request(by=cast.mei, now=NOW - 4 * DAY, member=person)
        make_export(export.pk)
        path = export_path(MemberExport.objects.get())
        assert path.exists()
        due = {period.kind.slug: period.due for period in periods(now=NOW)}
        assert (due["notes"], due["exports"]) == (1, 1)
        run = retention_apply(now=NOW)
        assert {"notes": 1, "exports": 1}.items() <= run.removed.items()
        assert Note.objects.count() == 1
        assert not path.exists()
        assert retention_apply(now=NOW).removed == {}

    def test_files_of_rejected_rows_go(self, cast: Cast):
        file = SimpleUploadedFile("m.csv", b"occurred_at,group,member\nx,g1,u1\n")
        run = import_upload(by=cast.lin, kind="messages", file=file, now=NOW)
        columns = {"occurred_at": "occurred_at", "group": "group", "member": "member"}
        import_start(by=cast.lin, run=run, mapping=columns, timezone_name=settings.TIME_ZONE, now=NOW)
        import_run(run_id=run.pk, clock=lambda: NOW)
        assert rejected_path(run).exists()
        retention_apply(now=NOW + 29 * DAY)
        assert rejected_path(run).exists()
        for _time in range(2):
            retention_apply(now=NOW + 31 * DAY)
        assert not rejected_path(run).exists()
        assert ImportRun.objects.get().rows_rejected == 1

    def test_the_task_may_run_twice(self, cast: Cast):
        for _time in range(2):
            apply_retention()
        assert RetentionRun.objects.count() == 2

    def test_the_page_tries_saves_and_notices_the_other_editor(self, client, cast: Cast):
        client.force_login(cast.lin)
        address = reverse("members:retention")
        form = client.get(address).context["form"]
        values = {name: str(field.initial) for name, field in form.fields.items() if name != "version"}
        assert client.post(address, {**values, "version": "0", "notes": "10", "act": "try"}).status_code == 200
        assert client.post(address, {**values, "version": "0", "notes": "0"}).status_code == 422
        assert client.post(address, {**values, "version": "0", "notes": "10"}).status_code == 302
        assert client.post(address, {**values, "version": "0", "notes": "11"}).status_code == 409
        assert {period.kind.slug: period.days for period in periods()}["notes"] == 10

    def test_headquarters_alone_decides(self, client, cast: Cast):
        cast.mei.role = "admin"
        cast.mei.save()
        client.force_login(cast.mei)
        assert client.get(reverse("members:retention")).status_code == 403
        assert client.get(reverse("members:fields")).status_code == 403
