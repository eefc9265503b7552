"""The week by e-mail: who gets it, when, what it says, and that it comes once whatever happens in between."""

from __future__ import annotations

import re
import socket
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from unittest import mock

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from analytics import tasks
from analytics.digest.figures import week_of
from analytics.digest.letter import stop_token
from analytics.digest.services import digest_set, mail_again, mail_send, mails_plan
from analytics.models import Digest, DigestMail
from members.models import Member, Membership
from tests.analytics.test_pages import did
from tests.builders import NOW, make_group, make_member
from tests.races import at_once

pytestmark = pytest.mark.django_db

# NOW is Monday, 2 March 2026, noon in Shanghai. The letter of this week is due a week later at eight.
MONDAY = datetime(2026, 3, 9, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def traveller(settings):
    settings.EMAIL_URL = "smtp://mail.example"
    settings.PUBLIC_URL = "https://community.example"
    settings.HTTPS = True
    with time_machine.travel(NOW, tick=False) as found:
        yield found


def subscribe(user, weekday=0, hour=8, address="", is_on=True):
    address = address or f"{user.username}@example.com"
    return digest_set(user=user, now=NOW, is_on=is_on, address=address, weekday=weekday, hour=hour)


def came(group, number, day, left=None):
    """So many who joined the group at noon of the day, and left it at noon of another."""
    at, gone = (on and datetime(on.year, on.month, on.day, 4, tzinfo=UTC) for on in (day, left))
    some = [Member(external_id=f"{group.pk} {day} {n}", name=f"{n}") for n in range(number)]
    Membership.objects.bulk_create(
        [
            Membership(member=member, group=group, joined_at=at, last_seen_at=at, left_at=gone)
            for member in Member.objects.bulk_create(some)
        ]
    )


def send_all(now):
    return [mail_send(mail_id=number, now=now) for number in mails_plan(now=now)]


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def html_of(letter):
    return letter.alternatives[0][0]


def state():
    return DigestMail.objects.get().state


# Who and when


def test_it_is_off_until_somebody_asks_and_a_manager_may_ask(cast):
    assert mails_plan(now=MONDAY) == []
    page = browser(cast.ana).get("/profile/digest/", headers={"HX-Request": "true"}).content.decode()
    assert "checked" not in page
    assert "Asia/Shanghai" in page
    assert page.count("<form") == 1, "a form within the form would keep the fields from its button"
    assert 'hx-get="/profile/digest/"' in browser(cast.ana).get("/profile/").content.decode()
    bad = browser(cast.ana).post("/profile/digest/", {"is_on": "on", "address": "", "weekday": "2", "hour": "9"})
    assert bad.status_code == 422
    assert "is-invalid" in bad.content.decode()
    good = {"is_on": "on", "address": "ana@example.com", "weekday": "2", "hour": "9"}
    assert browser(cast.ana).post("/profile/digest/", good).status_code == 302
    chosen = Digest.objects.get()
    assert (chosen.user, chosen.weekday, chosen.hour, chosen.is_on) == (cast.ana, 2, 9, True)
    assert AuditEntry.objects.get(action="digest.changed").actor == cast.ana
    with pytest.raises(ValidationError):
        digest_set(user=cast.mei, now=NOW, is_on=True, address="nowhere", weekday=0, hour=8)


def test_it_comes_at_its_hour_once_a_week_and_not_for_a_time_that_passed_before_it_was_asked_for(cast):
    subscribe(cast.mei)  # on Monday noon: eight is past
    assert send_all(NOW) == []
    assert send_all(MONDAY - timedelta(seconds=1)) == []
    assert send_all(MONDAY) == ["sent"]
    # Another day of the same week makes no second letter.
    subscribe(cast.mei, weekday=3)
    later = MONDAY + timedelta(days=3, minutes=1)
    assert send_all(MONDAY + timedelta(minutes=1)) == send_all(later) == []
    assert send_all(later + timedelta(days=7)) == ["sent"]
    assert [row.week for row in DigestMail.objects.order_by("week")] == [date(2026, 3, 9), date(2026, 3, 16)]
    # A machine that was off for a day does not send the morning's letter the next noon.
    assert send_all(later + timedelta(days=15, hours=5)) == []


def test_whoever_left_stopped_or_cannot_be_written_to_gets_nothing(cast, settings):
    subscribe(cast.mei)
    cast.mei.is_active = False
    cast.mei.save()
    assert mails_plan(now=MONDAY) == []
    cast.mei.is_active = True
    cast.mei.save()
    settings.EMAIL_URL = ""
    assert mails_plan(now=MONDAY) == []
    assert "EMAIL_URL" in browser(cast.mei).get("/profile/digest/").content.decode()
    settings.EMAIL_URL = "smtp://mail.example"
    numbers = mails_plan(now=MONDAY)
    subscribe(cast.mei, is_on=False)
    assert [mail_send(mail_id=number, now=MONDAY) for number in numbers] == ["skipped"]
    assert mail.outbox == []


# What it says


def test_it_says_the_week_of_those_groups_that_its_reader_sees_in_their_language(cast, traveller):
    mine, quiet = make_group("阅读 <b>&", branch=cast.hangzhou), make_group("Silent", branch=cast.hangzhou)
    theirs = make_group("Maths", branch=cast.chengdu)
    ann, dee = make_member("Ann", now=NOW - timedelta(days=30)), make_member("Dee")
    for group, member in ((mine, ann), (theirs, dee)):
        did(member, "message", -3, group)  # and so joined
        came(group, 1004, date(2026, 3, 5))
        came(group, 3, date(2026, 3, 1))
    came(quiet, 4, date(2026, 1, 9), left=date(2026, 2, 28))
    came(mine, 995, date(2026, 3, 9))  # the day of the letter is no part of the week
    for person in (cast.mei, cast.lin):
        subscribe(person)
    cast.lin.language = "zh-hans"
    cast.lin.save()
    traveller.move_to(MONDAY)
    assert send_all(MONDAY) == ["sent", "sent"]
    letters: dict[str, Any] = {letter.to[0].partition("@")[0]: letter for letter in mail.outbox}
    text, html = letters["mei"].body, html_of(letters["mei"])
    assert "2 Mar 2026 – 8 Mar 2026" in letters["mei"].subject
    for said in ("Joined: 1,005 (↑ 335 times as many)", "Left: 0 (↓ 100% fewer)", "Active members: 1 (up from 0)"):
        assert said in text
    assert "\nJoined · Groups\n阅读 <b>&: 3 → 1,005 (+1,002)\n" in text
    assert "\nActive members · Groups, in member-days\n阅读 <b>&: 0 → 1 (+1)\n" in text
    assert ">Active members · Groups, in member-days<" in html
    assert "阅读 &lt;b&gt;&amp;" in html
    assert "2,000" not in text
    for body in (text, html):
        assert "Maths" not in body
        assert "Asia/Shanghai (UTC+08:00)" in body
        assert set(re.findall(r"https://[^/\s\"]+", body)) == {"https://community.example"}
    assert "<img" not in html
    assert len(re.findall(r"https://community.example/reports/", text)) == 3
    assert "进群：2,010" in letters["lin"].body
    assert "Maths" in letters["lin"].body
    assert 'lang="zh-hans"' in html_of(letters["lin"])
    assert not re.search(r"\b(members|Joined|week|group|before|fewer)\b", letters["lin"].body)
    # The page that the letter leads to says the same.
    address = re.search(r"https://community.example(/reports/\?days=7\S+)", text)[1]
    page = browser(cast.mei).get(address).content.decode()
    for figure in re.findall(r'figure num">(?:<a [^>]+>)?([^<]+)<', page)[:7]:
        assert figure in text


def test_who_chose_no_language_is_written_to_in_that_of_their_browser(cast):
    subscribe(cast.mei)
    cast.mei.seen_language = "zh-hans"
    cast.mei.save()
    send_all(MONDAY)
    assert "您的社群" in mail.outbox[0].subject
    assert 'lang="zh-hans"' in html_of(mail.outbox[0])


def test_a_week_without_anything_and_a_person_without_groups_are_told_so(cast):
    subscribe(cast.mei)
    send_all(MONDAY)
    assert "no open group" in mail.outbox[0].body
    make_group("New", branch=cast.hangzhou)
    send_all(MONDAY + timedelta(days=7))
    assert "Nothing happened" in mail.outbox[1].body
    assert "Nothing happened" in html_of(mail.outbox[1])


def test_the_figures_take_as_many_queries_for_many_groups_as_for_few(cast):
    def asked():
        with CaptureQueriesContext(connection) as found:
            week_of(cast.lin, day=date(2026, 3, 9), now=MONDAY)
        return len(found)

    for n in range(2):
        came(make_group(f"G{n}"), n, date(2026, 3, 4))
    few = asked()
    for n in range(2, 12):
        came(make_group(f"G{n}"), n, date(2026, 3, 4))
    assert asked() == few


# The way out


def test_the_link_of_a_letter_stops_it_without_signing_in_and_looking_at_it_does_not(cast):
    digest = subscribe(cast.mei)
    cast.mei.language = "zh-hans"
    cast.mei.save()
    send_all(MONDAY)
    headers = mail.outbox[0].extra_headers
    link = headers["List-Unsubscribe"].strip("<>")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in mail.outbox[0].body
    path = link.removeprefix("https://community.example")
    # As a mail program does it: no cookie, no token of a form.
    stranger = Client(enforce_csrf_checks=True)
    looked = stranger.get(path)
    assert "停止" in looked.content.decode()
    assert looked["Cache-Control"] == "private, no-store"
    digest.refresh_from_db()
    assert digest.is_on
    for _again in range(2):
        assert stranger.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    digest.refresh_from_db()
    assert not digest.is_on
    assert AuditEntry.objects.filter(action="digest.stopped").count() == 1
    forged = path.replace(stop_token(digest), stop_token(digest)[:-2] + "xx")
    assert stranger.post(forged).status_code == 404
    assert stranger.get("/digest/stop/nonsense/").status_code == 404


# Once, and not lost


def test_two_workers_and_two_beats_send_one_letter(cast):
    subscribe(cast.mei)
    [number] = mails_plan(now=MONDAY)
    assert mails_plan(now=MONDAY) == [number]
    assert mail_send(mail_id=number, now=MONDAY) == "sent"
    assert mail_send(mail_id=number, now=MONDAY) == ""
    assert mails_plan(now=MONDAY + timedelta(minutes=1)) == []
    assert len(mail.outbox) == 1


def test_the_tasks_may_run_twice(cast, traveller):
    subscribe(cast.mei)
    traveller.move_to(MONDAY)
    with mock.patch.object(tasks.send_digest, "delay", tasks.send_digest):
        for _again in range(2):
            tasks.send_digests()
    assert len(mail.outbox) == 1


def test_a_crash_before_the_mail_server_is_asked_loses_nothing(cast):
    subscribe(cast.mei)
    [number] = mails_plan(now=MONDAY)
    with mock.patch("analytics.digest.letter.letter_of", side_effect=MemoryError), pytest.raises(MemoryError):
        mail_send(mail_id=number, now=MONDAY)
    assert mails_plan(now=MONDAY + timedelta(minutes=5)) == []
    assert send_all(MONDAY + timedelta(minutes=11)) == ["sent"]


def test_after_a_crash_in_between_nobody_knows_so_the_person_decides(cast):
    subscribe(cast.mei)
    [number] = mails_plan(now=MONDAY)
    at_the_server = "django.core.mail.backends.locmem.EmailBackend.send_messages"
    with mock.patch(at_the_server, side_effect=MemoryError), pytest.raises(MemoryError):
        mail_send(mail_id=number, now=MONDAY)
    assert state() == "sending"
    assert send_all(MONDAY + timedelta(minutes=11)) == []
    assert state() == "unknown"
    page = browser(cast.mei).get("/profile/digest/").content.decode()
    assert "Perhaps sent" in page
    assert browser(cast.out).post(f"/profile/digest/{number}/again/").status_code == 404
    assert browser(cast.mei).post(f"/profile/digest/{number}/again/").status_code == 302
    assert not mail_again(user=cast.mei, mail_id=number, now=MONDAY)
    assert send_all(MONDAY + timedelta(minutes=12)) == ["sent"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time")
def test_of_workers_that_take_a_letter_at_once_one_sends_it(cast):
    subscribe(cast.mei)
    numbers = at_once(lambda _n: mails_plan(now=MONDAY), 4)
    assert DigestMail.objects.count() == 1
    number = DigestMail.objects.get().pk
    assert [number] in numbers
    outcomes = at_once(lambda _n: mail_send(mail_id=number, now=MONDAY), 4)
    assert sorted(outcomes) == ["", "", "", "sent"]
    assert len(mail.outbox) == 1


# Real mail servers


class Post:
    """Takes letters, or answers what it is told to."""

    def __init__(self, answer="", at="DATA"):
        self.letters, self.answer, self.at = [], answer, at

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.at == "RCPT" and self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer and self.at == "DATA":
            return self.answer
        self.letters.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        if self.at == "hang up":
            server.transport.close()
            return None
        return "250 OK"


@contextmanager
def post_office(settings, post):
    controller = Controller(post, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        with mail_server(settings, controller.port):
            yield
    finally:
        controller.stop()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def mail_server(settings, port):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 1
    yield


def test_a_letter_arrives_whole_by_a_real_server(cast, settings):
    subscribe(cast.mei)
    post = Post()
    with post_office(settings, post):
        assert send_all(MONDAY) == ["sent"]
    [(to, letter)] = post.letters
    assert to == ["mei@example.com"]
    assert letter["From"] == settings.DEFAULT_FROM_EMAIL
    assert letter["Message-ID"] == f"<digest-{cast.mei.pk}-20260309@community.example>"
    assert letter["List-Unsubscribe"].strip().startswith("<https://community.example/digest/stop/")
    assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("answer", "at", "expected"),
    [
        ("550 no such mailbox", "RCPT", "failed"),
        ("451 try later", "RCPT", "due"),
        ("554 looks like spam", "DATA", "failed"),
        ("421 busy", "DATA", "due"),
        ("", "hang up", "unknown"),
    ],
)
def test_what_a_server_answers_decides_what_becomes_of_the_letter(cast, settings, answer, at, expected):
    subscribe(cast.mei)
    with post_office(settings, Post(answer, at)):
        assert send_all(MONDAY) == [expected]
    row = DigestMail.objects.get()
    assert answer[:3] in row.reason
    assert "mailbox" not in row.reason
    # Later, not at once; and in the end given up.
    assert mails_plan(now=MONDAY + timedelta(minutes=1)) == []
    if expected == "due":
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        assert send_all(MONDAY + timedelta(minutes=3)) == ["sent"]


def test_a_server_that_is_not_there_is_tried_for_hours_and_then_given_up(cast, settings):
    subscribe(cast.mei)
    now, outcomes = MONDAY, []
    with mail_server(settings, free_port()):
        for _hour in range(24):
            outcomes += send_all(now)
            now += timedelta(hours=1)
    assert outcomes[0] == "due"
    assert outcomes[-1] == "failed"
    assert DigestMail.objects.get().reason == "ConnectionRefusedError"
    assert "Send it again" in browser(cast.mei).get("/profile/digest/").content.decode()


def test_a_server_that_keeps_silent_is_not_waited_for(cast, settings):
    subscribe(cast.mei)
    with socket.socket() as silent, mail_server(settings, 0):
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = silent.getsockname()[1], 0.2
        assert send_all(MONDAY) == ["due"]
