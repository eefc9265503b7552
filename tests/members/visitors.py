"""Members who open pages on their phone, for tests."""

from __future__ import annotations

from django.test import Client
from django.utils import timezone

from members.consent.services import consent_give, text_in_force
from members.models import Member, OpenedBy
from members.visitors.http import COOKIE
from members.visitors.services import session_open


def phone_of(member: Member, *, agrees: bool = True) -> Client:
    """A phone on which this member is signed in, who has agreed to the consent text unless told otherwise."""
    text = text_in_force()
    if agrees and text:
        consent_give(now=timezone.now(), member=member, version=text.version, channel=OpenedBy.LINK)
    client = Client(headers={"accept-language": "en"})
    client.cookies[COOKIE] = session_open(
        now=timezone.now(), member=member, opened_by=OpenedBy.LINK, device="WeChat · Android"
    )
    return client
