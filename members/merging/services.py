"""Making one member of two, and two of one again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from activity.services import events_move, events_move_back
from groups.classes.models import Tier
from members.identities import lock_identities
from members.ingestion.figures import group_figures_recount, lock_groups
from members.merging.uniting import Record, change_row, part, take_out, unite
from members.models import Member, Membership, MergeRun, NotDuplicates, Transfer

UNDO_DAYS = 30
# What people choose between; the rest follows by itself.
CHOSEN = ("name", "contact", "identity", "grade_id", "invited_by_id")
# Records about the two rows as such. A share of a red envelope stays with whom it was paid to, because two of one round
# cannot become one person's.
LEFT_ALONE = frozenset({"members.mergerun", "members.notduplicates", "members.memberexport", "campaigns.envelopeshare"})
TIERS = [tier.value for tier in (Tier.NON_PAYING, Tier.FIRST_TIME, Tier.SENIOR, Tier.HARDCORE)]


# Called with the numbers of the two, in the transaction that unites or parts them, and the time.
Changed = Callable[[Collection[int], datetime], None]
_CHANGED: list[Changed] = []


def on_members_changed(follow: Changed) -> None:
    """For figures that apps above keep for each member: `follow` brings them in line once two were united or parted."""
    if follow not in _CHANGED:
        _CHANGED.append(follow)


class MergeRefused(Exception):
    """The two cannot be merged, or a merge cannot be taken back; the text says why."""


def merge_obstacle(*, winner: Member, loser: Member, by: User) -> str:
    """Why the two cannot be merged by this person; empty when they can."""
    if winner.pk == loser.pk:
        return _("These are the same row.")
    if any(member.erased_at for member in (winner, loser)):
        return _("One of the two was erased.")
    if any(member.merged_into_id for member in (winner, loser)):
        return _("One of the two was merged into another member in the meantime.")
    if known_elsewhere(winner, loser, user=by):
        return _("One of the two is also known in groups of others. Ask headquarters to merge them.")
    return ""


def known_elsewhere(*members: Member, user: User) -> bool:
    """Whether one of these members is or was in a group that is out of this person's reach."""
    if user.branch_id is None:
        return False
    return Membership.objects.filter(member__in=members).exclude(group__branch_id=user.branch_id).exists()


def members_merge(
    *, by: User, now: datetime, winner: Member, loser: Member, chosen: dict[str, str] | None = None
) -> MergeRun:
    """Makes `loser` part of `winner`: events, memberships and everything else that points at it. The row of the loser
    stays and leads to the winner, also for what other systems send under its id.

    `chosen` says for a field of CHOSEN, or "fields.<key>", whose value stays ("winner" or "loser"); where it says
    nothing, the winner's does unless it is empty. Raises MergeRefused.
    """
    chosen = chosen or {}
    with transaction.atomic():
        lock_identities()
        rows = {row.pk: row for row in Member.objects.select_for_update().filter(pk__in=[winner.pk, loser.pk])}
        if len(rows) == 2:
            winner, loser = rows[winner.pk], rows[loser.pk]
        if obstacle := merge_obstacle(winner=winner, loser=loser, by=by):
            raise MergeRefused(obstacle)
        groups = set(Membership.objects.filter(member__in=[winner, loser]).values_list("group_id", flat=True))
        lock_groups(groups)
        record = Record()
        before = {"name": winner.name, "merged": loser.name, "id": loser.external_id}
        change_row(winner, _blended(winner, loser, chosen), record)
        for transfer in Transfer.objects.between(winner, loser):
            # One person's points that they moved to themselves moved nothing; it comes back when the two are parted.
            take_out(transfer, record)
        unite(loser, winner, record=record, blends={"members.membership": _membership}, leave=LEFT_ALONE)
        change_row(loser, {"merged_into_id": winner.pk}, record)
        events = events_move(member_id=loser.pk, to=winner.pk)
        run = MergeRun.objects.create(
            winner=winner, loser=loser, by=by, at=now, moved={**record.as_dict(), "events": events}
        )
        group_figures_recount(dict.fromkeys(groups, now), now=now)
        winner.refresh_from_db()
        for follow in _CHANGED:
            follow([winner.pk, loser.pk], now)
        audit_record(by=by, action="member.merged", subject=winner, before=before, after={"name": winner.name})
    return run


def undo_obstacle(run: MergeRun, *, now: datetime, by: User) -> str:
    """Why a merge cannot be taken back by this person; empty when it can."""
    if known_elsewhere(run.winner, user=by):
        return _("One of the two is also known in groups of others. Ask headquarters to merge them.")
    if run.undone_at:
        return _("This merge was taken back before.")
    if now - run.at > timedelta(days=UNDO_DAYS):
        return _("A merge can be taken back for %(days)d days.") % {"days": UNDO_DAYS}
    if run.winner.erased_at or run.loser.erased_at:
        return _("One of the two was erased.")
    if run.winner.merged_into_id:
        return _("The member was merged into another one since. Take that back first.")
    later = MergeRun.objects.filter(winner_id=run.winner_id, undone_at=None).filter(
        Q(at__gt=run.at) | Q(at=run.at, pk__gt=run.pk)
    )
    if later.exists():
        return _("Another member was merged into this one since. Take that back first.")
    return ""


def merge_undo(*, by: User, now: datetime, run: MergeRun) -> Member:
    """Parts two members again, each with what was theirs; what came since stays with the winner. Returns the member
    that is back. Raises MergeRefused."""
    with transaction.atomic():
        lock_identities()
        run = MergeRun.objects.select_for_update().get(pk=run.pk)
        rows = {row.pk: row for row in Member.objects.select_for_update().filter(pk__in=[run.winner_id, run.loser_id])}
        run.winner, run.loser = rows[run.winner_id], rows[run.loser_id]
        if obstacle := undo_obstacle(run, now=now, by=by):
            raise MergeRefused(obstacle)
        kept = dict(run.moved)
        events = kept.pop("events")
        try:
            with transaction.atomic():
                part(kept)
        except IntegrityError:
            raise MergeRefused(_("Something new has taken the place of what was merged.")) from None
        events_move_back(numbers=events, member_id=run.winner_id, to=run.loser_id)
        MergeRun.objects.filter(pk=run.pk).update(undone_at=now, undone_by=by, moved={})
        both = Membership.objects.filter(member__in=[run.winner_id, run.loser_id])
        groups = set(both.values_list("group_id", flat=True))
        lock_groups(groups)
        group_figures_recount(dict.fromkeys(groups, now), now=now)
        for follow in _CHANGED:
            follow([run.winner_id, run.loser_id], now)
        audit_record(by=by, action="member.parted", subject=run.winner, after={"name": run.loser.name})
    loser: Member = Member.objects.get(pk=run.loser_id)
    return loser


def duplicates_deny(*, by: User, now: datetime, one: Member, other: Member) -> None:
    """Remembers that two members are different people, so that they are not proposed again."""
    first, second = sorted([one.pk, other.pk])
    with transaction.atomic():
        _row, made = NotDuplicates.objects.get_or_create(
            first_id=first, second_id=second, defaults={"by": by, "at": now}
        )
        if made:
            audit_record(by=by, action="member.not_duplicate", subject=one, after={"name": other.name})


def _blended(winner: Member, loser: Member, chosen: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in CHOSEN:
        mine, theirs = getattr(winner, name), getattr(loser, name)
        wants = chosen.get(name) or ("winner" if mine not in (None, "") else "loser")
        values[name] = theirs if wants == "loser" else mine
    if values["invited_by_id"] in (winner.pk, loser.pk):
        values["invited_by_id"] = None
    fields = {**loser.fields, **winner.fields}
    for key in loser.fields:
        if chosen.get(f"fields.{key}") == "loser":
            fields[key] = loser.fields[key]
    firsts = [at for at in (winner.first_seen_at, loser.first_seen_at) if at]
    lasts = [at for at in (winner.last_seen_at, loser.last_seen_at) if at]
    return {
        **values,
        "fields": fields,
        "stage": max(winner.stage, loser.stage),
        "tier": max(winner.tier, loser.tier, key=TIERS.index),
        "first_seen_at": min(firsts, default=None),
        "last_seen_at": max(lasts, default=None),
        # Who said no once, said no.
        "no_marketing": winner.no_marketing or loser.no_marketing,
    }


def _membership(gone: Membership, stays: Membership) -> dict[str, Any]:
    """One time in a group, of two: as if all its events had been one person's."""
    left = [at for at in (gone.left_at, stays.left_at) if at]
    introduced = [at for at in (gone.introduced_at, stays.introduced_at) if at]
    present = gone.is_present or stays.is_present
    last = max(gone.last_seen_at, stays.last_seen_at)
    left_at = max(left, default=None)
    return {
        "joined_at": min(gone.joined_at, stays.joined_at),
        "last_seen_at": last,
        # One of the two rows left and the other is there: the person is.
        "left_at": left_at if not present or (left_at and last > left_at) else None,
        "introduced_at": min(introduced, default=None),
        "title": stays.title or gone.title,
    }
