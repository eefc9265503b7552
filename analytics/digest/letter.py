"""The letter itself, in its reader's language: a text and the same as HTML. Nothing in it watches the reader."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from analytics.digest.figures import week_of
from analytics.digest.models import Digest, DigestMail
from analytics.health.days import Days, local_day, zone
from analytics.pages.parts import zone_words

SALT = "analytics.digest.stop"


def stop_token(digest: Digest) -> str:
    """Lets whoever holds the letter stop it, for good: a link in a letter does not grow old."""
    return signing.dumps(digest.pk, salt=SALT)


def digest_of_token(token: str) -> Digest | None:
    try:
        number = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return Digest.objects.select_related("user").filter(pk=number).first()


def _address(name: str, *args: object) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=args)}"


def letter_of(digest: Digest, mail: DigestMail, *, now: datetime) -> EmailMultiAlternatives:
    """The letter of a week. Written again, it says the same about the same days and carries the same Message-ID."""
    user = digest.user
    profile = _address("analytics:digest")
    # Somebody who only looks at a letter before they ask for any has nothing to stop.
    stop = _address("analytics:digest_stop", stop_token(digest)) if digest.pk else profile
    with translation.override(user.reads_in):
        week = week_of(user, day=local_day(mail.due_at), now=now)
        span = span_words(week.days)
        subject = _("Your community, %(span)s") % {"span": span}
        context = {
            "user": user,
            "subject": subject,
            "week": week,
            "span": span,
            "span_before": span_words(week.before),
            "as_of": f"{now.astimezone(zone()):%Y-%m-%d %H:%M}",
            "zone": zone_words(zone(), now),
            "links": [
                (_("These figures, and who stands behind them"), f"{_address('analytics:overview')}?{week.question}"),
                (_("My dashboard"), _address("analytics:dashboard")),
                (_("Groups that need help"), _address("analytics:health") + "?warning=any"),
            ],
            "stop": stop,
            "profile": profile,
            "language": translation.get_language(),
        }
        message = EmailMultiAlternatives(
            subject=subject,
            body=render_to_string("mail/digest.txt", context),
            to=[digest.address],
            headers=_headers(stop, mail),
        )
        message.attach_alternative(render_to_string("mail/digest.html", context), "text/html")
    return message


def span_words(days: Days) -> str:
    form = pgettext("date format", "j M Y")
    return f"{formats.date_format(days.first, form)} – {formats.date_format(days.last, form)}"


def _headers(stop: str, mail: DigestMail) -> dict[str, str]:
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    at_once = f"-{mail.pk}" if mail.asked_at else ""
    headers = {
        # The same over all tries, so that a mailbox that gets a letter twice can tell.
        "Message-ID": f"<digest-{mail.user_id}-{mail.week:%Y%m%d}{at_once}@{host}>",
        "List-Unsubscribe": f"<{stop}>",
        "Auto-Submitted": "auto-generated",
    }
    if settings.HTTPS:
        # RFC 8058 asks for https.
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers
