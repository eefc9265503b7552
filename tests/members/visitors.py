"""Members who open pages on their phone, for tests."""

from __future__ import annotations

from django.test import Client
from django.utils import timezone

from members.models import Member, OpenedBy
from members.visitors.http import COOKIE
from members.visitors.services import session_open


def phone_of(member: Member) -> Client:
    """A phone on which this member is signed in."""
    client = Client(headers={"accept-language": "en"})
    client.cookies[COOKIE] = session_open(
        now=timezone.now(), member=member, opened_by=OpenedBy.LINK, device="WeChat · Android"
    )
    return client
