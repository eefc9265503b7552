"""Every change of a person's digest, and how a letter moves from due to sent."""

from __future__ import annotations

import smtplib
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import get_connection
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from accounts.audit import audit_record, changed_fields
from accounts.models import User
from analytics.digest.models import Digest, DigestMail, MailState
from analytics.health.days import local_day, zone

log = structlog.get_logger(__name__)

# What was due longer ago than this is let go: the next letter comes in a week at the latest.
LATE = timedelta(hours=24)
# A try takes two minutes at most (the limit of its task); what is still at it after this was killed.
GIVEN_UP = timedelta(minutes=10)
MOST_TRIES = 8
FIRST_WAIT = timedelta(minutes=2)
# Of letters asked for at once. Whoever clicks twice within JUST_NOW wants one.
JUST_NOW = timedelta(minutes=1)
A_DAY = timedelta(hours=24)
MOST_A_DAY = 5


def mail_is_set_up() -> bool:
    return bool(settings.EMAIL_URL)


def digest_get(user: User, *, now: datetime) -> Digest:
    """What a person chose; off, Monday at eight, as long as they have chosen nothing."""
    return Digest.objects.filter(user=user).first() or Digest(user=user, address=user.email, since=now)


def digest_set(*, user: User, now: datetime, is_on: bool, address: str, weekday: int, hour: int) -> Digest:
    """Keeps what a person chose for themselves. Raises ValidationError by field."""
    with transaction.atomic():
        digest, _made = Digest.objects.select_for_update().get_or_create(user=user, defaults={"since": now})
        before, after = changed_fields(digest, {"is_on": is_on, "address": address, "weekday": weekday, "hour": hour})
        if after:
            for name, value in after.items():
                setattr(digest, name, value)
            # A time that has passed already begins with the week to come.
            digest.since = now
            digest.full_clean()
            digest.save()
            audit_record(by=user, action="digest.changed", subject=digest, before=before, after=after)
    return digest


def digest_stop(*, digest: Digest) -> bool:
    """Ends the letters, for whoever has one in hand. False when they had ended."""
    with transaction.atomic():
        stopped = bool(Digest.objects.filter(pk=digest.pk, is_on=True).update(is_on=False))
        if stopped:
            audit_record(by=None, action="digest.stopped", subject=digest, after={"is_on": False})
    return stopped


def last_due(digest: Digest, *, now: datetime) -> datetime:
    """The latest time at which this digest was due, on the clock of the community."""
    today = local_day(now)
    for back in range(8):
        day = today - timedelta(days=back)
        due = datetime(day.year, day.month, day.day, digest.hour, tzinfo=zone())
        if day.weekday() == digest.weekday and due <= now:
            return due
    raise AssertionError("every week has its day")


def mail_draft(digest: Digest, *, now: datetime, asked_at: datetime | None = None) -> DigestMail:
    """The letter that was due last, not written down yet."""
    due = last_due(digest, now=now)
    day = local_day(due)
    return DigestMail(
        user=digest.user,
        week=day - timedelta(days=day.weekday()),
        due_at=due,
        asked_at=asked_at,
        next_at=asked_at or due,
        changed_at=now,
    )


def mails_plan(*, now: datetime) -> list[int]:
    """Writes down the letters that have become due, and returns the numbers of those to be sent now.

    Whatever a killed worker left behind is found here: a letter that was being written is due again, one that was being
    sent is unknown.
    """
    if not mail_is_set_up():
        return []
    planned = []
    for digest in Digest.objects.filter(is_on=True, user__is_active=True).select_related("user"):
        mail = mail_draft(digest, now=now)
        if mail.due_at >= digest.since and now - mail.due_at < LATE:
            planned.append(mail)
    if planned:
        DigestMail.objects.bulk_create(planned, ignore_conflicts=True)
    stuck = DigestMail.objects.filter(changed_at__lt=now - GIVEN_UP)
    stuck.filter(state=MailState.WRITING).update(state=MailState.DUE, changed_at=now)
    stuck.filter(state=MailState.SENDING).update(state=MailState.UNKNOWN, reason="interrupted", changed_at=now)
    due_now = DigestMail.objects.filter(state=MailState.DUE, next_at__lte=now)
    return list(due_now.order_by("next_at", "pk").values_list("pk", flat=True))


def mail_send(*, mail_id: int, now: datetime) -> str:
    """Sends one letter, unless somebody else does; returns what became of it.

    Three steps, each an UPDATE that names the state before it: writing, sending, and what came of it. A crash before
    the second loses nothing and sends nothing; a crash after it leaves "unknown".
    """
    ours = DigestMail.objects.filter(pk=mail_id, state=MailState.DUE, next_at__lte=now)
    if not ours.update(state=MailState.WRITING, tries=F("tries") + 1, changed_at=now, reason=""):
        return ""
    mail = DigestMail.objects.select_related("user").get(pk=mail_id)
    digest = Digest.objects.select_related("user__branch").filter(user=mail.user, is_on=True).first()
    if digest is None or not digest.user.is_active:
        return _settle(mail, MailState.WRITING, MailState.SKIPPED, now, "not wanted")
    if mail.tries > MOST_TRIES:
        return _settle(mail, MailState.WRITING, MailState.FAILED, now, "tried too often")
    # Its figures bring the compiler of the reports, which takes 60 MB of every worker that writes no letter.
    from analytics.digest.letter import letter_of

    letter = letter_of(digest, mail, now=now)
    connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        return _wait(mail, MailState.WRITING, now, _reason(error))
    try:
        if not _settle(mail, MailState.WRITING, MailState.SENDING, now, ""):
            return ""
        try:
            connection.send_messages([letter])
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as refused:
            # The server said no, so it has not taken the letter.
            if _code(refused) >= 500:
                return _settle(mail, MailState.SENDING, MailState.FAILED, now, _reason(refused))
            return _wait(mail, MailState.SENDING, now, _reason(refused))
        except (OSError, smtplib.SMTPException) as silence:
            # It may have taken the letter and not said so.
            return _settle(mail, MailState.SENDING, MailState.UNKNOWN, now, _reason(silence))
        return _settle(mail, MailState.SENDING, MailState.SENT, now, "")
    finally:
        connection.close()


def mail_now(*, user: User, now: datetime) -> tuple[DigestMail, bool]:
    """Has the letter that was due last sent at once, beside the one of the week. The caller enqueues it.

    Returns it and whether it is new: while one is on its way, and for a minute after, asking again brings that one.
    Raises ValidationError when none can be sent.
    """
    if not mail_is_set_up():
        raise ValidationError(_("No mail server is set, so nothing can be sent."))
    with transaction.atomic():
        digest = Digest.objects.select_for_update().filter(user=user, is_on=True).first()
        if digest is None:
            raise ValidationError(_("Switch the weekly digest on and save it; then one can be sent."))
        asked = DigestMail.objects.filter(asked_at__isnull=False)
        on_its_way = Q(state__in=[MailState.DUE, MailState.WRITING, MailState.SENDING])
        just_left = Q(state__in=[MailState.SENT, MailState.UNKNOWN], asked_at__gt=now - JUST_NOW)
        if mail := asked.filter(on_its_way | just_left, user=user).first():
            return mail, False
        _check_a_day(digest, now)
        mail = mail_draft(digest, now=now, asked_at=now)
        mail.save()
        audit_record(by=user, action="digest.asked", subject=digest, after={"address": digest.address})
    return mail, True


def _check_a_day(digest: Digest, now: datetime) -> None:
    """Who goes on asking fills no mailbox, whosever it is."""
    theirs = Q(user=digest.user) | Q(user__digest__address__iexact=digest.address)
    asked = DigestMail.objects.filter(theirs, asked_at__gt=now - A_DAY).order_by("-asked_at")
    for fills_it in asked[MOST_A_DAY - 1 : MOST_A_DAY]:
        free_at = (fills_it.at + A_DAY).astimezone(zone())
        raise ValidationError(
            _("No more than %(count)d letters go to one mailbox by hand within 24 hours. The next can go at %(time)s.")
            % {"count": MOST_A_DAY, "time": f"{free_at:%Y-%m-%d %H:%M}"}
        )


def mail_again(*, user: User, mail_id: int, now: datetime) -> bool:
    """The person sends a letter again that is unknown or failed. Of two clicks the second changes nothing."""
    open_end = DigestMail.objects.filter(pk=mail_id, user=user, state__in=[MailState.UNKNOWN, MailState.FAILED])
    return bool(open_end.update(state=MailState.DUE, next_at=now, changed_at=now, tries=0, reason=""))


def _settle(mail: DigestMail, old: MailState, new: MailState, now: datetime, reason: str) -> str:
    """Moves a letter from `old` to `new`, when it is still at this very try; "" when it is not."""
    ours = DigestMail.objects.filter(pk=mail.pk, state=old, tries=mail.tries)
    if not ours.update(state=new, changed_at=now, reason=reason[:60]):
        return ""
    if new != MailState.SENDING:
        log.info("digest", mail=mail.pk, state=new.value, reason=reason)
    return new.value


def _wait(mail: DigestMail, old: MailState, now: datetime, reason: str) -> str:
    """Back to due, later each time; in the end it has failed."""
    if mail.tries >= MOST_TRIES:
        return _settle(mail, old, MailState.FAILED, now, reason)
    later = now + FIRST_WAIT * 2 ** (mail.tries - 1)
    DigestMail.objects.filter(pk=mail.pk, state=old, tries=mail.tries).update(next_at=later)
    return _settle(mail, old, MailState.DUE, now, reason)


def _code(error: Exception) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return min(code for code, _text in error.recipients.values())
    assert isinstance(error, smtplib.SMTPResponseException)
    return error.smtp_code


def _reason(error: Exception) -> str:
    """A code for the log and the page; never the words of the server, which may repeat address or password."""
    if isinstance(error, (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException)):
        return f"SMTP {_code(error)}"
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__
