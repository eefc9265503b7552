"""What members see, copy, correct and erase on their own."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models
from django.test import Client

from accounts.models import AuditEntry
from activity.models import Event
from activity.services import event_key
from community_ops.lib.wechat_oauth import Person
from members.fields.services import field_define
from members.identities import tombstone_digest
from members.ingestion import IncomingEvent, ingest
from members.models import Member, MemberExport, MemberIdentity, MemberSession, Tombstone
from members.privacy.copying import export_make
from members.privacy.services import export_request
from members.services import member_update
from members.tasks import make_export
from members.timeline.services import note_add
from members.visitors.wechat import identities_attach
from tests.api.base import Caller, sent
from tests.base import Cast
from tests.builders import NOW, make_member
from tests.members.visitors import phone_of
from tests.test_urls import make_world

# It goes through every table of a whole world; the statements are the same on SQLite.
pytestmark = [pytest.mark.production, pytest.mark.django_db]
PAGE = "/m/me/data/"


@pytest.fixture(autouse=True)
def clock(time_machine):
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def copied(client: Client) -> dict[str, Any]:
    """The copy that a member asks for: the file data.json, and the others under their names."""
    client.post(f"{PAGE}copy/")
    make_export(MemberExport.objects.latest("pk").pk)
    page = client.get(PAGE).content.decode()
    address = f"{PAGE}copy/{MemberExport.objects.latest('pk').pk}/"
    assert address in page
    archive = zipfile.ZipFile(BytesIO(b"".join(client.get(address))))
    return {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}


def test_a_member_corrects_their_name_contact_and_the_fields_that_are_open(cast):
    field_define(by=cast.lin, label="孩子年龄", kind="number", key="child_age", member_edits=True)
    field_define(by=cast.lin, label="内部评级", kind="text", key="rating")
    member = make_member("子涵妈妈")
    member_update(by=cast.lin, member=member, changes={}, fields={"rating": "A", "child_age": 7})
    phone = phone_of(member)
    page = phone.get(PAGE)
    assert "孩子年龄" in page.content.decode()
    assert "内部评级" not in page.content.decode()
    values = {"version": page.context["form"]["version"].value(), "name": "王子涵妈妈", "contact": "wx_1"}
    assert phone.post(PAGE, {**values, "own_child_age": "八", "own_rating": "B"}).status_code == 422
    assert phone.post(PAGE, {**values, "own_child_age": "8", "own_rating": "B"}).status_code == 302
    member.refresh_from_db()
    assert (member.name, member.contact, member.fields) == ("王子涵妈妈", "wx_1", {"rating": "A", "child_age": 8})
    entry = AuditEntry.objects.get(action="member.corrected")
    assert (entry.before["name"], entry.after["name"], entry.after["孩子年龄"]) == ("子涵妈妈", "王子涵妈妈", 8)
    late = phone.post(PAGE, {**values, "name": "别的名字"})
    assert late.status_code == 409
    assert "别的名字" in late.content.decode()


def test_marketing_is_refused_and_allowed_again(cast):
    member = make_member()
    phone = phone_of(member)
    for word, kept in (("yes", True), ("no", False)):
        phone.post(f"{PAGE}marketing/", {"no_marketing": word})
        member.refresh_from_db()
        assert member.no_marketing is kept


def test_devices_are_seen_and_signed_out_one_by_one_or_all_others(cast):
    member, other = make_member("子涵妈妈"), make_member("浩然爸爸")
    here, second, third = (phone_of(member) for _phone in range(3))
    stranger = phone_of(other)
    assert here.get(PAGE).content.decode().count("WeChat · Android") == 3
    foreign = MemberSession.objects.get(member=other)
    here.post(f"{PAGE}devices/", {"device": foreign.pk})
    assert stranger.get("/m/me/").status_code == 200, "not mine"
    here.post(f"{PAGE}devices/", {"device": MemberSession.objects.filter(member=member).order_by("pk")[1].pk})
    assert [phone.get("/m/me/").status_code for phone in (here, second, third)] == [200, 403, 200]
    here.post(f"{PAGE}devices/", {"device": "others"})
    assert [phone.get("/m/me/").status_code for phone in (here, second, third)] == [200, 403, 403]


def test_these_rights_need_no_consent(cast):
    phone = phone_of(make_member("子涵妈妈"), agrees=False)
    assert phone.post(f"{PAGE}marketing/", {"no_marketing": "yes"}).status_code == 302
    assert phone.post(f"{PAGE}copy/").status_code == 302
    assert phone.post(f"{PAGE}erase/", {"confirm": "子涵妈妈"}).status_code == 200
    assert not Member.objects.filter(name="子涵妈妈").exists()


def test_a_copy_is_for_the_member_who_asked_and_is_not_asked_for_without_end(cast, media, clock):
    member, other = make_member("子涵妈妈"), make_member("浩然爸爸")
    phone, stranger = phone_of(member), phone_of(other)
    assert "data.json" in copied(phone)
    own = MemberExport.objects.get()
    assert stranger.get(f"{PAGE}copy/{own.pk}/").status_code == 404
    assert Client().get(f"{PAGE}copy/{own.pk}/").status_code == 403
    by_staff = export_request(by=cast.lin, now=NOW, member=member)
    export_make(export_id=by_staff.pk, now=NOW)
    assert phone.get(f"{PAGE}copy/{by_staff.pk}/").status_code == 404
    phone.post(f"{PAGE}copy/")
    phone.post(f"{PAGE}copy/")
    assert MemberExport.objects.filter(by_member=True).count() == 2, "one is being made already"
    make_export(MemberExport.objects.latest("pk").pk)
    copied(phone)
    phone.post(f"{PAGE}copy/")
    assert MemberExport.objects.filter(by_member=True).count() == 3, "three a day"
    clock.move_to(NOW + timedelta(days=1, minutes=1), tick=False)
    phone.post(f"{PAGE}copy/")
    assert MemberExport.objects.filter(by_member=True).count() == 4


# Everything that there is: one of each thing of the product, about one person, beside somebody else.

THEIRS = {"name": "王子涵妈妈", "contact": "wx_zihan_77", "openid": "o-zihan-77", "unionid": "u-zihan-77"}


@pytest.fixture
def person(cast: Cast, media: Path) -> Member:
    world = make_world(cast)
    member: Member = world.objects["visitor"]
    member.refresh_from_db()
    member_update(by=cast.lin, member=member, changes={"contact": THEIRS["contact"]})
    identities_attach(now=NOW, member=member, person=Person("wx1", THEIRS["openid"], THEIRS["unionid"]))
    member.refresh_from_db()
    return member


def texts() -> dict[str, str]:
    """All texts and JSON values of all rows of all tables, by where they stand."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        columns = [
            column.attname
            for column in model._meta.concrete_fields
            if isinstance(column, models.CharField | models.TextField | models.JSONField | models.FileField)
        ]
        if model._meta.managed and columns:
            for row in model._base_manager.values("pk", *columns):
                for column in columns:
                    value = row[column]
                    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
                    found[f"{model._meta.label}.{column} of {row['pk']}"] = text
    return found


def test_a_copy_holds_everything_about_the_member_and_nothing_of_anybody_else(cast, person, media):
    group = person.memberships.latest("pk").group
    other = make_member("赵敏的秘密", [group])
    member_update(by=cast.lin, member=other, changes={"contact": "wx_secret"})
    identities_attach(now=NOW, member=other, person=Person("wx1", "o-secret", "u-secret"))
    note_add(by=cast.lin, now=NOW, member=other, text="只关于赵敏")
    files = copied(phone_of(person))
    data = json.loads(files["data.json"])
    for value in THEIRS.values():
        assert value in files["data.json"]
    people = [person.pk, *Member.objects.filter(merged_into=person).values_list("pk", flat=True)]
    for relation in Member._meta.related_objects:
        if relation.field.name in ("member", "membership"):
            table = relation.related_model
            count = table._base_manager.filter(**{f"{relation.field.name}__in": people}).count()
            label = table._meta.label_lower
            if count and label != "members.memberexport":
                assert len(data[label]) >= count, f"{label} is not whole"
    assert files["events.csv"].count("\n") == Event.objects.filter(member_id__in=people).count() + 1
    for name, text in files.items():
        for foreign in ("赵敏的秘密", "wx_secret", "o-secret", "u-secret", "只关于赵敏"):
            assert foreign not in text, (name, foreign)


def test_after_erasure_nothing_says_who_it_was_and_nothing_brings_them_back(cast, person, media, tmp_path):
    ids = [person.external_id, *Member.objects.filter(merged_into=person).values_list("external_id", flat=True)]
    secrets = [*THEIRS.values(), *(name for name in ids if len(name) > 3)]
    phone, second = phone_of(person), phone_of(person)
    copied(phone)
    assert any(THEIRS["name"] in text for text in texts().values())
    assert "Erase for good" in phone.get(f"{PAGE}erase/").content.decode()
    assert phone.post(f"{PAGE}erase/", {"confirm": "别的名字"}).status_code == 422
    assert Member.objects.filter(pk=person.pk, erased_at=None).exists()
    assert "is erased" in phone.post(f"{PAGE}erase/", {"confirm": person.name}).content.decode()
    assert [client.get("/m/me/").status_code for client in (phone, second)] == [403, 403]

    left = {where: secret for where, text in texts().items() for secret in secrets if secret in text}
    assert left == {}
    files = [path for path in media.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, path
            assert secret not in path.name
        if zipfile.is_zipfile(path):
            raise AssertionError(f"{path} is a copy of the data")

    # Other systems go on mentioning them.
    group = Member.objects.get(pk=person.pk).memberships.latest("pk").group
    count = Member.objects.count()
    Caller(cast.lin).events(sent("later", member=ids[0], group=group.external_id))
    message = IncomingEvent(event_key("tests", "later-2"), ids[0], group.external_id, "message", NOW)
    ingest(events=[message], source="tests", by=None, create_missing=True, now=NOW)
    table = tmp_path / "later.csv"
    table.write_text(f"occurred_at,group,member\n2026-03-02 09:00,{group.external_id},{ids[0]}\n", encoding="utf-8")
    out = io.StringIO()
    call_command("import_messages", str(table), stdout=out)
    assert json.loads(out.getvalue().splitlines()[-1]) == {"read": 1, "imported": 0, "duplicates": 0, "rejected": 1}
    assert Member.objects.count() == count
    assert not Member.objects.filter(external_id__in=ids).exists()
    assert {tombstone_digest(name) for name in ids} <= set(Tombstone.objects.values_list("digest", flat=True))
    assert not MemberIdentity.objects.filter(member=person).exists()
    left = {where: secret for where, text in texts().items() for secret in secrets if secret in text}
    assert left == {}
