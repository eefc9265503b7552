"""The letter of the last week looked at, and sent by hand: the same, not too often, and with what came of it."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import date, timedelta
from hashlib import sha256
from unittest import mock

import pytest
import time_machine
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from kombu.exceptions import OperationalError

from accounts.models import AuditEntry
from analytics import tasks
from analytics.digest.services import digest_stop, mail_now, mail_send
from analytics.digest.words import reason_words
from analytics.models import DigestMail
from tests.analytics.test_digest import (
    MONDAY,
    Post,
    browser,
    came,
    free_port,
    html_of,
    mail_server,
    post_office,
    send_all,
    subscribe,
)
from tests.builders import NOW, make_group
from tests.races import at_once

pytestmark = pytest.mark.django_db

THURSDAY = MONDAY + timedelta(days=3, hours=6)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def traveller(settings):
    settings.EMAIL_URL = "smtp://mail.example"
    settings.PUBLIC_URL = "https://community.example"
    with time_machine.travel(NOW, tick=False) as found:
        yield found


def asked(user, now):
    """Asks for a letter and lets a worker send it; returns its state."""
    letter, _is_new = mail_now(user=user, now=now)
    mail_send(mail_id=letter.pk, now=now)
    return DigestMail.objects.get(pk=letter.pk).state


def test_the_letter_that_is_looked_at_is_the_one_that_is_sent(cast, traveller):
    came(make_group("阅读 <b>&", branch=cast.hangzhou), 3, date(2026, 3, 5))
    came(make_group("Maths", branch=cast.chengdu), 4, date(2026, 3, 5))
    subscribe(cast.mei)
    traveller.move_to(MONDAY)
    assert send_all(MONDAY) == ["sent"]
    page = browser(cast.mei).get("/profile/digest/letter/")
    seen = page.content.decode()
    assert seen == html_of(mail.outbox[0])
    assert "<title>Your community, 2 Mar 2026 – 8 Mar 2026</title>" in seen
    assert "阅读 &lt;b&gt;&amp;" in seen
    assert "Maths" not in seen
    # On any other day it is still the letter of the week that ended last, and so is one sent by hand.
    traveller.move_to(THURSDAY)
    assert "2 Mar 2026 – 8 Mar 2026" in browser(cast.mei).get("/profile/digest/letter/").content.decode()
    assert asked(cast.mei, THURSDAY) == "sent"
    assert html_of(mail.outbox[1]) == browser(cast.mei).get("/profile/digest/letter/").content.decode()


def test_a_letter_keeps_its_style_as_a_page_and_may_do_nothing_else(cast):
    page = browser(cast.ana).get("/profile/digest/letter/")
    [style] = re.findall(r"<style>(.*?)</style>", page.content.decode(), re.DOTALL)
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    assert page["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{allowed}'; frame-ancestors 'none'"
    )


def test_who_has_not_asked_for_any_may_look_and_finds_the_profile_where_others_stop_theirs(cast):
    page = browser(cast.ana).get("/profile/digest/letter/").content.decode()
    assert "digest/stop" not in page
    assert page.count("https://community.example/profile/digest/") == 2
    part = browser(cast.ana).get("/profile/digest/letters/").content.decode()
    assert "/profile/digest/letter/" in part
    assert "/profile/digest/now/" not in part
    assert not DigestMail.objects.exists()


def test_one_by_hand_goes_to_the_saved_address_is_recorded_and_leaves_the_weekly_one_alone(cast, traveller):
    subscribe(cast.ana)
    assert mail_now(user=cast.ana, now=MONDAY - MINUTE)[1]
    assert asked(cast.ana, MONDAY - MINUTE) == "sent"
    entry = AuditEntry.objects.get(action="digest.asked")
    assert (entry.actor, entry.after) == (cast.ana, {"address": "ana@example.com"})
    assert send_all(MONDAY) == ["sent"]
    assert asked(cast.ana, MONDAY + MINUTE) == "sent"
    assert send_all(MONDAY + 2 * MINUTE) == []
    assert send_all(MONDAY + timedelta(days=7)) == ["sent"]
    assert [letter.to for letter in mail.outbox] == [["ana@example.com"]] * 4
    # A mailbox that drops repeats by their id keeps every one of them.
    assert len({letter.extra_headers["Message-ID"] for letter in mail.outbox}) == 4


def test_a_double_click_sends_one_and_the_page_says_so(cast, settings, django_capture_on_commit_callbacks):
    subscribe(cast.mei)
    client = browser(cast.mei)
    with mock.patch("analytics.digest.views.enqueue_digest") as enqueued:
        for _click in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                assert client.post("/profile/digest/now/").status_code == 302
    number = DigestMail.objects.get().pk
    enqueued.assert_called_once_with(number)
    page = client.get("/profile/digest/").content.decode()
    assert "A letter is on its way." in page
    assert "One is on its way already" in page
    # Its part of the page asks again until the letter has left.
    assert 'hx-trigger="every 2s"' in page
    assert mail_send(mail_id=number, now=NOW) == "sent"
    part = client.get("/profile/digest/letters/", headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" not in part
    assert ">Sent<" in part
    assert not mail_now(user=cast.mei, now=NOW + timedelta(seconds=59))[1]
    assert mail_now(user=cast.mei, now=NOW + MINUTE)[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time")
def test_of_clicks_at_the_same_moment_one_counts(cast):
    subscribe(cast.mei)
    made = at_once(lambda _n: mail_now(user=cast.mei, now=MONDAY)[1], 4)
    assert sorted(made) == [False, False, False, True]
    assert DigestMail.objects.count() == 1


def test_nobody_fills_a_mailbox_not_even_several_people_together(cast):
    subscribe(cast.mei)
    for number in range(5):
        assert asked(cast.mei, NOW + number * MINUTE) == "sent"
    later = NOW + 6 * MINUTE
    with pytest.raises(ValidationError, match=r"No more than 5 letters.* at 2026-03-03 12:00"):
        mail_now(user=cast.mei, now=later)
    subscribe(cast.out, address="MEI@example.com")
    with pytest.raises(ValidationError, match="No more than 5 letters"):
        mail_now(user=cast.out, now=later)
    subscribe(cast.mei, address="other@example.com")
    with pytest.raises(ValidationError, match="No more than 5 letters"):
        mail_now(user=cast.mei, now=later)
    refused = browser(cast.mei)
    refused.post("/profile/digest/now/")
    with time_machine.travel(later, tick=False):
        refused.post("/profile/digest/now/")
        assert "No more than 5 letters" in refused.get("/profile/digest/").content.decode()
    assert len(mail.outbox) == 5
    subscribe(cast.mei)
    assert asked(cast.mei, NOW + timedelta(hours=24)) == "sent"
    # What comes by itself is not counted.
    assert "sent" in send_all(MONDAY)


def test_only_a_digest_that_is_on_is_sent_and_only_by_a_server(cast, settings):
    with pytest.raises(ValidationError, match="Switch the weekly digest on"):
        mail_now(user=cast.mei, now=NOW)
    digest = subscribe(cast.mei)
    letter, _is_new = mail_now(user=cast.mei, now=NOW)
    # Whoever reads that mailbox has stopped the letters: none comes any more.
    digest_stop(digest=digest)
    assert mail_send(mail_id=letter.pk, now=NOW) == "skipped"
    assert "was switched off before it left" in browser(cast.mei).get("/profile/digest/").content.decode()
    with pytest.raises(ValidationError, match="Switch the weekly digest on"):
        mail_now(user=cast.mei, now=NOW)
    subscribe(cast.mei)
    settings.EMAIL_URL = ""
    with pytest.raises(ValidationError, match="No mail server"):
        mail_now(user=cast.mei, now=NOW)
    page = browser(cast.mei).get("/profile/digest/").content.decode()
    assert "/profile/digest/now/" not in page
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("answer", "at", "expected", "said"),
    [
        ("550 no such mailbox", "RCPT", "failed", "refused it. Check the address"),
        ("451 try later", "RCPT", "due", "asks to come back later"),
        ("", "hang up", "unknown", "Look into the mailbox"),
    ],
)
def test_the_page_says_what_the_mail_server_answered_and_what_to_do(cast, settings, answer, at, expected, said):
    subscribe(cast.mei)
    with post_office(settings, Post(answer, at)):
        assert asked(cast.mei, NOW) == expected
    page = browser(cast.mei).get("/profile/digest/").content.decode()
    assert said in page
    assert ("Next try" in page) == (expected == "due")
    assert ("Send it again" in page) == (expected != "due")
    assert "every 2s" not in page
    # After a refusal the address can be mended and tried at once.
    assert mail_now(user=cast.mei, now=NOW + timedelta(seconds=5))[1] == (expected == "failed")


def test_a_server_that_cannot_be_reached_or_signed_in_to_is_named(cast, settings):
    subscribe(cast.mei)
    with mail_server(settings, free_port()):
        assert asked(cast.mei, NOW) == "due"
    assert "cannot be reached" in browser(cast.mei).get("/profile/digest/").content.decode()
    # Refused before any address was told; and an answer that is none.
    for reason in ("SMTP 554", "SMTP -1"):
        assert "cannot be reached" in str(reason_words(DigestMail(state="due", reason=reason)))
    assert "does not let this installation sign in" in str(reason_words(DigestMail(state="due", reason="SMTP 535")))


def test_without_a_broker_it_is_sent_by_the_next_look_for_letters(cast):
    subscribe(cast.mei)
    letter, _is_new = mail_now(user=cast.mei, now=NOW)
    with mock.patch.object(tasks.send_digest, "delay", side_effect=OperationalError):
        tasks.enqueue_digest(letter.pk)
    assert send_all(NOW) == ["sent"]
