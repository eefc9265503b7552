"""Every change of needs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record, audit_redact, changed_fields
from accounts.models import User
from community_ops.lib.sql import lock_name
from groups.models import Group
from members.feedback.models import (
    LONGEST_NEED,
    LONGEST_REPLY,
    Need,
    NeedAsk,
    NeedCategory,
    NeedMerge,
    NeedReceipt,
    NeedReply,
    NeedStatus,
)
from members.identities import share_identities
from members.models import Member
from members.participation.services import points_for_taking_part

# So many needs a member writes within a day; more is better said to somebody.
NEEDS_A_DAY = 10
MOST_CATEGORIES = 30
# The name of the lock that merges of needs hold alone, and whoever follows a need to what it is by now shares.
MERGES = 0x4EED5


class StaleNeed(Exception):
    """Somebody else changed it, or merged it, since the page was opened."""


def digest_of(text: str) -> str:
    """What the same words have in common; nothing for no words."""
    folded = " ".join(text.split()).casefold()
    return blake2b(folded.encode(), digest_size=16).hexdigest() if folded else ""


def need_write(
    *,
    now: datetime,
    member: Member,
    group: Group,
    text: str,
    category: NeedCategory | None = None,
    heard_by: User | None = None,
) -> NeedAsk:
    """Takes a need down: of a member who writes on their page, or with `heard_by` as staff heard it from them. The same
    words again are the ask that is there.

    Raises ValidationError by field; code `too_many` for a member who wrote NEEDS_A_DAY within a day.
    """
    text = _words(text, _("Write what you need."), LONGEST_NEED, "text")
    with transaction.atomic():
        share_identities()
        digest = digest_of(text)
        mine = NeedAsk.objects.filter(member=member)
        if (known := mine.filter(group=group, digest=digest).select_related("need").first()) is not None:
            return known
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        if heard_by is None and mine.filter(heard_by=None, at__gte=midnight).count() >= NEEDS_A_DAY:
            raise ValidationError(
                ValidationError(_("You have written a lot today. Please tell the staff directly."), code="too_many")
            )
        need = Need(text=text, category=category, branch=group.branch, created_at=now)
        # The need is made first, and goes again where the same words came at this very moment.
        need.save()
        ask, is_first = NeedAsk.objects.get_or_create(
            member=member,
            group=group,
            digest=digest,
            defaults={"need": need, "text": text, "heard_by": heard_by, "at": now},
        )
        if not is_first:
            need.delete()
            return ask
        if heard_by is not None:
            audit_record(by=heard_by, action="need.heard", subject=need)
        else:
            points_for_taking_part(
                kind="need",
                ref=f"{member.pk}:{timezone.localdate(now)}",
                member=member,
                reason=_("Said what they need"),
                now=now,
            )
    return ask


def need_ask(*, by: User, now: datetime, need: Need, member: Member, group: Group | None, text: str) -> NeedAsk:
    """Notes that one more member asked for a need. Where the need becomes part of another at this moment, they asked
    for that one: nobody who asks is lost."""
    text = text.replace("\x00", "").strip()[:LONGEST_NEED]
    with transaction.atomic():
        lock_name(MERGES, shared=True)
        standing = _standing(need)
        ask = NeedAsk.objects.filter(need=standing, member=member).first()
        if ask is None:
            ask = NeedAsk.objects.create(
                need=standing, member=member, group=group, text=text, digest="", heard_by=by, at=now
            )
            audit_record(by=by, action="need.asked", subject=standing)
    return ask


def _standing(need: Need) -> Need:
    """The need that this one is by now, held until the transaction ends. Nobody merges meanwhile: see MERGES."""
    number = need.pk
    while (into := Need.objects.values_list("merged_into_id", flat=True).get(pk=number)) is not None:
        number = into
    return Need.objects.select_for_update().get(pk=number)


def need_change(
    *,
    by: User,
    need: Need,
    version: int,
    text: str,
    category: NeedCategory | None,
    status: str,
    owner: User | None,
) -> Need:
    """Says how staff put it, what it is about, how it stands and who looks after it. Raises StaleNeed."""
    text = _words(text, _("Say in a sentence what it is."), LONGEST_NEED, "text")
    if status not in NeedStatus.values:
        raise ValidationError({"status": _("Choose one of the states.")})
    with transaction.atomic():
        row = Need.objects.select_for_update().get(pk=need.pk)
        if row.version != version or row.merged_into_id is not None:
            raise StaleNeed
        owner_id = owner.pk if owner else None
        category_id = category.pk if category else None
        wanted = {"text": text, "category_id": category_id, "status": status, "owner_id": owner_id}
        before, after = changed_fields(row, wanted)
        if after:
            for name, value in after.items():
                setattr(row, name, value)
            row.version += 1
            row.save()
            audit_record(by=by, action="need.changed", subject=row, before=before, after=after)
    return row


def _words(text: str, missing: str, most: int, field: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text:
        raise ValidationError({field: ValidationError(missing, code="required")})
    if len(text) > most:
        long = _("At most %(most)d characters.") % {"most": most}
        raise ValidationError({field: ValidationError(long, code="max_length")})
    return text


# Replies


def need_reply(*, by: User, now: datetime, need: Need, text: str, key: str) -> tuple[NeedReply, int]:
    """Replies to all who asked for a need: one row on the page of each. Returns the reply and how many got it.

    `key` comes with the form. The same key again is the reply that was made: nobody is replied to twice. This answers
    what somebody asked, so it goes to those who want no marketing as well.
    """
    text = _words(text, _("Write the reply."), LONGEST_REPLY, "text")
    with transaction.atomic():
        lock_name(MERGES, shared=True)
        standing = _standing(need)
        made = NeedReply.objects.filter(key=key).first()
        if made is not None:
            return made, made.receipts.count()
        reply = NeedReply.objects.create(need=standing, text=text, key=key, by=by, at=now)
        asked = NeedAsk.objects.filter(need=standing, member__erased_at=None)
        askers = asked.order_by().values_list("member_id", flat=True).distinct()
        receipts = [NeedReceipt(reply=reply, member_id=number) for number in askers]
        NeedReceipt.objects.bulk_create(receipts, batch_size=500)
        audit_record(by=by, action="need.replied", subject=standing, after={"members": len(receipts)})
    return reply, len(receipts)


def receipts_see(*, now: datetime, receipts: Sequence[NeedReceipt]) -> int:
    """Marks the replies that a member has before them as seen; returns how many were new."""
    return NeedReceipt.objects.filter(pk__in=[one.pk for one in receipts], seen_at=None).update(seen_at=now)


# Merging


def needs_merge(*, by: User, now: datetime, winner: Need, loser: Need) -> NeedMerge:
    """Makes one need of two: who asked for `loser` asked for `winner`, and its replies are there.

    Raises ValidationError for the same need or another branch, and StaleNeed for one that was merged meanwhile.
    """
    with transaction.atomic():
        lock_name(MERGES)
        pair = sorted([winner.pk, loser.pk])
        rows = {row.pk: row for row in Need.objects.filter(pk__in=pair).order_by("pk").select_for_update()}
        if winner.pk == loser.pk:
            raise ValidationError(_("This is the same need."))
        winner, loser = rows[winner.pk], rows[loser.pk]
        if winner.branch_id != loser.branch_id:
            # The words of members would be seen in another branch.
            raise ValidationError(_("Needs of two branches stay apart."))
        if winner.merged_into_id is not None or loser.merged_into_id is not None:
            raise StaleNeed
        asks = list(loser.asks.order_by("pk").values_list("pk", flat=True))
        replies = list(loser.replies.order_by("pk").values_list("pk", flat=True))
        NeedAsk.objects.filter(pk__in=asks).update(need=winner)
        NeedReply.objects.filter(pk__in=replies).update(need=winner)
        Need.objects.filter(pk=loser.pk).update(merged_into=winner, version=loser.version + 1)
        merge = NeedMerge.objects.create(winner=winner, loser=loser, asks=asks, replies=replies, by=by, at=now)
        audit_record(by=by, action="need.merged", subject=winner, after={"merged": loser.pk})
    return merge


def needs_part(*, by: User, now: datetime, merge: NeedMerge) -> bool:
    """Takes a merge back: what moved goes back, what came since stays with the winner. False when it was taken back
    before, or the winner has become part of another since."""
    with transaction.atomic():
        lock_name(MERGES)
        pair = sorted([merge.winner_id, merge.loser_id])
        rows = {row.pk: row for row in Need.objects.filter(pk__in=pair).order_by("pk").select_for_update()}
        winner, loser = rows[merge.winner_id], rows[merge.loser_id]
        if winner.merged_into_id is not None:
            return False
        if not NeedMerge.objects.filter(pk=merge.pk, undone_at=None).update(undone_at=now):
            return False
        NeedAsk.objects.filter(pk__in=merge.asks, need=winner).update(need=loser)
        NeedReply.objects.filter(pk__in=merge.replies, need=winner).update(need=loser)
        Need.objects.filter(pk=loser.pk).update(merged_into=None, version=loser.version + 1)
        audit_record(by=by, action="need.parted", subject=winner, after={"merged": loser.pk})
    return True


# Categories


def categories_save(*, by: User, now: datetime, names: Sequence[str]) -> int:
    """Makes these names, in this order, the categories that may be chosen; returns how many are new. A name that is
    left out is retired, one that comes back is the one it was. Raises ValidationError by field."""
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if len(wanted) > MOST_CATEGORIES:
        raise ValidationError({"names": _("At most %(most)d categories.") % {"most": MOST_CATEGORIES}})
    if long := [name for name in wanted if len(name) > 40]:
        raise ValidationError({"names": _("“%(name)s” is longer than 40 characters.") % {"name": long[0]}})
    with transaction.atomic():
        known = {row.name: row for row in NeedCategory.objects.select_for_update()}
        before = [name for name, row in known.items() if row.retired_at is None]
        added = 0
        for position, name in enumerate(wanted):
            _row, is_new = NeedCategory.objects.update_or_create(
                name=name, defaults={"position": position, "retired_at": None}
            )
            added += is_new
        NeedCategory.objects.in_use().exclude(name__in=wanted).update(retired_at=now)
        if before != wanted and (first := NeedCategory.objects.first()) is not None:
            audit_record(
                by=by, action="need.categories", subject=first, before={"names": before}, after={"names": wanted}
            )
    return added


# Erasure


def words_forget(*, asks: QuerySet[NeedAsk]) -> None:
    """Takes the words of somebody who is erased out of the needs that still say them: another's words take their
    place, or none. The asks are still as they were."""
    people = set(asks.values_list("member_id", flat=True))
    for words in set(asks.exclude(text="").values_list("text", flat=True)):
        for need in Need.objects.filter(text=words):
            others = need.asks.exclude(member__in=people).exclude(text="")
            text = others.values_list("text", flat=True).first() or ""
            Need.objects.filter(pk=need.pk).update(text=text)
            if text != words:
                audit_redact(subject_type="members.need", subject_ids=[need.pk])
