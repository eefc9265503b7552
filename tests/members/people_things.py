"""One of each thing that belongs to members as such, for the world of tests/test_urls.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import User
from groups.models import Group
from members.fields.services import field_define
from members.merging.services import members_merge
from members.models import Member, MemberTag
from members.privacy.copying import export_make
from members.privacy.services import export_request
from members.segments.services import segment_create
from members.tags.services import members_tag, tag_create
from members.timeline.services import note_add
from tests.builders import make_member

CUSTOMERS: dict[str, Any] = {"all": [{"field": "stage", "op": "in", "value": ["1", "4"]}]}


def people_things(*, by: User, admin: User, group: Group, member: Member, now: datetime) -> dict[str, Any]:
    """`by` works in the group's branch."""
    definition = field_define(by=admin, label="孩子年龄", kind="number", key="child_age", in_list=True)
    tag = tag_create(by=by, now=now, name="重点家长")
    members_tag(by=by, now=now, tag=tag, members=[member])
    assert MemberTag.objects.filter(tag=tag).count() == 1
    run = members_merge(by=by, now=now, winner=member, loser=make_member("王子涵妈妈", groups=[group]))
    export = export_request(by=by, now=now, member=member)
    export_make(export_id=export.pk, now=now)
    return {
        "member_field": definition.pk,
        "tag": tag.pk,
        "segment": segment_create(by=by, now=now, name="在群的家长", definition=CUSTOMERS).pk,
        "note": note_add(by=by, now=now, member=member, text="电话里约了周六").pk,
        "merge_run": run.pk,
        "export": export.pk,
    }
