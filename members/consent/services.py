"""Versions of the text, and the word of members on them."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from members.consent.models import Consent, ConsentText
from members.consent.texts import FIRST_EN, FIRST_ZH
from members.models import Member, Membership
from members.visitors.models import OpenedBy


class StaleText(Exception):
    """Somebody else saved or published the draft meanwhile."""


def first_text_ensure(*, now: datetime) -> None:
    """Publishes the text that comes along, where there is none: nobody's data is used without their word, from the
    first start on."""
    if not ConsentText.objects.exists():
        ConsentText.objects.get_or_create(
            version=1, defaults={"body_zh": FIRST_ZH, "body_en": FIRST_EN, "created_at": now, "published_at": now}
        )


def text_in_force() -> ConsentText | None:
    return ConsentText.objects.published().first()


def text_draft() -> ConsentText | None:
    return ConsentText.objects.filter(published_at=None).first()


def draft_save(*, by: User, now: datetime, body_zh: str, body_en: str, revision: int) -> ConsentText:
    """Writes the draft of the next version; `revision` is that of the draft which the person saw, 0 for none.

    Raises ValidationError by field, StaleText.
    """
    texts = {"body_zh": body_zh.strip(), "body_en": body_en.strip()}
    empty = {name: _("Both languages are needed: members read the one of their phone.") for name in texts}
    if missing := {name: words for name, words in empty.items() if not texts[name]}:
        raise ValidationError(missing)
    try:
        with transaction.atomic():
            draft = ConsentText.objects.select_for_update().filter(published_at=None).first()
            if (draft.revision if draft else 0) != revision:
                raise StaleText
            if draft is None:
                newest = ConsentText.objects.first()
                number = newest.version + 1 if newest else 1
                draft = ConsentText.objects.create(version=number, created_at=now, **texts)
            else:
                ConsentText.objects.filter(pk=draft.pk).update(revision=revision + 1, **texts)
                draft.refresh_from_db()
            audit_record(by=by, action="consent.text_saved", subject=draft)
    except IntegrityError as error:
        raise StaleText from error
    return draft


def draft_publish(*, by: User, now: datetime, revision: int) -> ConsentText:
    """Puts the draft in force: from now on every member is asked again. Raises StaleText."""
    with transaction.atomic():
        found = ConsentText.objects.filter(published_at=None, revision=revision)
        number = found.values_list("pk", flat=True).first()
        if number is None or not found.filter(pk=number).update(published_at=now, published_by=by):
            raise StaleText
        text = ConsentText.objects.get(pk=number)
        audit_record(by=by, action="consent.text_published", subject=text)
    return text


def consent_give(*, now: datetime, member: Member, version: int, channel: str) -> Consent | None:
    """A member agrees to the version that they read; nothing when another one is in force by now. Twice is once."""
    text = text_in_force()
    if text is None or text.version != version:
        return None
    with transaction.atomic():
        consent, made = Consent.objects.standing().get_or_create(
            member=member,
            text=text,
            withdrawn_at=None,
            defaults={"at": now, "channel": channel or OpenedBy.LINK, "digest": text.digest},
        )
        if made:
            audit_record(by=None, action="member.consented", subject=member, after={"version": text.version})
    return consent


def consent_withdraw(*, now: datetime, member: Member) -> int:
    """A member takes their word back; returns how many versions it stood for."""
    with transaction.atomic():
        count = Consent.objects.standing().filter(member=member).update(withdrawn_at=now)
        if count:
            audit_record(by=None, action="member.consent_withdrawn", subject=member)
    return count


def _in_force() -> QuerySet[ConsentText, int]:
    return ConsentText.objects.published().values_list("pk", flat=True)[:1]


def has_agreed(member: Member) -> bool:
    """Whether a member may take part: they agreed to the version in force, or there is none. One query."""
    return Member.objects.filter(_agreed("pk"), pk=member.pk).exists()


def with_agreement(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    """Memberships with `has_agreed`, by the word of their members."""
    return memberships.annotate(has_agreed=_agreed("member"))


def _agreed(column: str) -> Exists:
    standing = Consent.objects.standing().filter(member=OuterRef(column), text=Subquery(_in_force()))
    return Exists(standing) | ~Exists(ConsentText.objects.published())  # type: ignore[return-value]
