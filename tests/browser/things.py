"""Finds in the demo's database what the walker opens. Runs inside the demo installation, by `manage.py shell`."""

from __future__ import annotations

import json
import sys

from accounts.models import Branch, User
from accounts.services import token_issue
from campaigns.models import Post
from delivery.models import Delivery, State
from groups.models import Group
from members.models import Member


def tell() -> None:
    """Prints the numbers of one of each thing, all of them in Mei's branch."""
    mei = User.objects.get(username="mei")
    group = Group.objects.filter(branch=mei.branch).latest("member_count")
    buyer = Member.objects.filter(memberships__group=group).latest("stage", "last_seen_at")
    token, _secret = token_issue(by=mei, user=mei, scopes=["groups:read"], name="数据看板")
    things = {
        "mei": mei.pk,
        "branch": Branch.objects.get(code="hangzhou").pk,
        "token": token.pk,
        "group": group.pk,
        "page_token": group.page_token,
        "member": buyer.pk,
        "post": Post.objects.filter(created_by=mei, state="active").earliest("pk").pk,
        "delivery": Delivery.objects.filter(state=State.WAITING, group_id__in=Group.objects.visible_to(mei))
        .latest("pk")
        .pk,
    }
    json.dump(things, sys.stdout)
