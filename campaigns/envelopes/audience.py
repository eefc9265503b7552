"""Who an envelope is for, beside being in the group."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from accounts.models import User
from campaigns.envelopes.models import Envelope, EnvelopeRound
from groups.models import Group, GroupRole
from members.models import Member, MemberRole, Membership, MemberTag, Segment
from members.segments.selectors import segment_members


def members_meant(*, envelope: Envelope, group: Group, now: datetime) -> QuerySet[Membership]:
    """The members of the group who may claim: present, with the role, the tag and in the segment."""
    found = Membership.objects.present().filter(group=group, member__merged_into=None, member__erased_at=None)
    if envelope.role and envelope.role != GroupRole.MEMBER:
        holders = MemberRole.objects.filter(role=envelope.role, ended_at=None, membership__group=group)
        found = found.filter(pk__in=holders.values("membership_id"))
    if envelope.tag_id is not None:
        found = found.filter(member_id__in=MemberTag.objects.filter(tag=envelope.tag_id).values("member_id"))
    if envelope.segment_id is not None:
        found = found.filter(member_id__in=_in_segment(envelope.segment_id, group, now).values("pk"))
    return found


def _in_segment(segment_id: int, group: Group, now: datetime) -> QuerySet[Member]:
    segment = Segment.objects.select_related("branch").filter(pk=segment_id).first()
    if segment is None:
        return Member.objects.none()
    # As the staff of the group's branch see it.
    return segment_members(segment, user=User(branch_id=group.branch_id), now=now)


def first_meant(*, rounds: Iterable[EnvelopeRound], membership: Membership, now: datetime) -> EnvelopeRound | None:
    """The first of these rounds whose segment this member is in; role and tag were asked before (meant_for). One query
    at most for each round with a segment, none for the others."""
    for row in rounds:
        segment = row.envelope.segment_id
        if segment is None or _in_segment(segment, row.group, now).filter(pk=membership.member_id).exists():
            return row
    return None
