"""What all pages of members have in common: small, without charts, and held back by one door."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.urls import reverse

from members.consent.services import consent_withdraw
from tests.base import make_cast
from tests.matrix import ROUTES
from tests.members.visitors import phone_of
from tests.test_urls import make_world

# It makes a whole world for each test; on SQLite the browser walks these pages.
pytestmark = pytest.mark.production

LIMIT = 150 * 1024
TEMPLATES = Path(settings.BASE_DIR) / "templates" / "member"


def used_by_pages() -> set[str]:
    """The style sheets and scripts that any template of members names."""
    names = set()
    for template in TEMPLATES.rglob("*.html"):
        names |= set(
            re.findall(r"""\{% static ['"]([^'"]+\.(?:css|js))['"] %\}""", template.read_text(encoding="utf-8"))
        )
    return names


@pytest.mark.once
def test_styles_and_scripts_of_all_pages_together_are_small_and_draw_no_charts():
    names = used_by_pages()
    assert "css/member.css" in names
    size = 0
    for name in names:
        found = finders.find(name)
        assert found, f"{name} is not served"
        size += len(gzip.compress(Path(found).read_bytes()))
    assert size < LIMIT, f"{size} bytes compressed: {sorted(names)}"
    assert not [name for name in names if re.search("echarts|chart|htmx|tabler|bootstrap", name)]


@pytest.mark.once
def test_no_page_of_members_has_a_script_or_a_style_of_its_own():
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), template


# Rights, and ways out: they need nobody's consent.
FREE = re.compile(r"member:(consent|consent_withdraw|sign_out|data\w*|rules_read)")


@pytest.mark.django_db
def test_no_act_of_a_member_is_done_before_they_agreed():
    """Whatever the matrix lists for phones: a new page cannot forget to ask."""
    world = make_world(make_cast())
    member = world.objects["visitor"]
    phone = phone_of(member, agrees=False)
    consent_withdraw(now=member.created_at, member=member)
    done = {}
    for name, route in ROUTES.items():
        if route.phone and route.phone[1] != 405 and not FREE.fullmatch(name):
            address = reverse(name, kwargs={kwarg: world.objects[thing] for kwarg, thing in route.args.items()})
            status = phone.post(address + route.query, route.data).status_code
            if status != 403:
                done[name] = status
    assert done == {}
