"""Every change of proposals and votes."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from activity.models import BuiltInKind
from campaigns.activities.services import activity_draft
from campaigns.content.models import PieceState
from campaigns.content.services import piece_create
from campaigns.proposals.models import (
    LONGEST_ANSWER,
    LONGEST_TEXT,
    LONGEST_TITLE,
    Proposal,
    ProposalKind,
    ProposalState,
    ProposalVote,
)
from delivery.models import Value
from groups.models import Group
from members.identities import share_identities
from members.ingestion import Deed, events_by_hand, events_take_back
from members.models import Member
from members.participation.services import points_for_taking_part

# So many of one member may be open in a group at the same time.
MOST_OPEN = 5


class StaleProposal(Exception):
    """Somebody else decided it, or its member withdrew it, since the page was opened."""


def proposal_make(*, now: datetime, group: Group, member: Member, kind: str, title: str, text: str) -> Proposal:
    """Takes a proposal. The same words while it is open are the proposal that is there. Its member wants it, so it
    begins with one vote.

    Raises ValidationError by field; code `too_many` for a member with MOST_OPEN that are open.
    """
    title, text = (" ".join(title.replace("\x00", "").split()), text.replace("\x00", "").strip())
    errors: dict[str, ValidationError] = {}
    if not title:
        errors["title"] = ValidationError(_("Say in a few words what you propose."), code="required")
    elif len(title) > LONGEST_TITLE:
        errors["title"] = ValidationError(_most(LONGEST_TITLE), code="max_length")
    if len(text) > LONGEST_TEXT:
        errors["text"] = ValidationError(_most(LONGEST_TEXT), code="max_length")
    if kind not in ProposalKind.values:
        errors["kind"] = ValidationError(_("Choose one of the two."), code="invalid_choice")
    if errors:
        raise ValidationError(errors)
    digest = blake2b(f"{title}\n{text}".casefold().encode(), digest_size=16).hexdigest()
    with transaction.atomic():
        share_identities()
        mine = Proposal.objects.filter(group=group, member=member, state=ProposalState.OPEN)
        if (known := mine.filter(digest=digest).first()) is not None:
            return known
        if mine.count() >= MOST_OPEN:
            many = _("You have %(most)d proposals open. Wait for an answer, or withdraw one.") % {"most": MOST_OPEN}
            raise ValidationError(ValidationError(many, code="too_many"))
        proposal, is_new = Proposal.objects.get_or_create(
            group=group,
            member=member,
            digest=digest,
            state=ProposalState.OPEN,
            defaults={"kind": kind, "title": title, "text": text, "created_at": now},
        )
        if is_new:
            ProposalVote.objects.create(proposal=proposal, member=member, at=now)
            points_for_taking_part(
                kind="proposal",
                ref=f"{member.pk}:{timezone.localdate(now)}",
                member=member,
                reason=_("Proposed something"),
                now=now,
            )
    return proposal


def _most(number: int) -> str:
    return _("At most %(most)d characters.") % {"most": number}


def proposal_withdraw(*, proposal: Proposal, member: Member) -> bool:
    """Its member takes it back while nobody has decided. False when somebody has, or it is not theirs."""
    mine = Proposal.objects.filter(pk=proposal.pk, member=member, state=ProposalState.OPEN)
    return bool(mine.update(state=ProposalState.WITHDRAWN))


# Votes


def _ref(proposal_id: int, member_id: int) -> str:
    return f"proposal-vote:{proposal_id}:{member_id}"


def vote_give(*, now: datetime, proposal: Proposal, member: Member) -> bool:
    """A member wants it too; that is an event of the kind `like`. False when they said so before, or it is not open
    any more."""
    with transaction.atomic():
        share_identities()
        # Held, so that nobody votes for what is being decided.
        if not Proposal.objects.open().filter(pk=proposal.pk).select_for_update(no_key=True).exists():
            return False
        try:
            with transaction.atomic():
                ProposalVote.objects.create(proposal=proposal, member=member, at=now)
        except IntegrityError:
            return False
        deed = Deed(_ref(proposal.pk, member.pk), member, proposal.group, BuiltInKind.LIKE, now)
        events_by_hand(deeds=[deed], now=now)
    return True


def vote_take_back(*, now: datetime, proposal: Proposal, member: Member) -> bool:
    """Takes vote_give back, and its event with it. False when there was none, or it is not open any more."""
    with transaction.atomic():
        share_identities()
        if not Proposal.objects.open().filter(pk=proposal.pk).select_for_update(no_key=True).exists():
            return False
        gone, _rows = ProposalVote.objects.filter(proposal=proposal, member=member).delete()
        if gone:
            events_take_back(refs=[_ref(proposal.pk, member.pk)], now=now)
    return bool(gone)


# Decisions


def proposal_accept(*, by: User, now: datetime, proposal: Proposal, answer: str, version: int) -> Proposal:
    """Accepts a proposal: it becomes a draft that staff finish, and its member reads the answer. Raises StaleProposal,
    and ValidationError by field."""
    answer = _answer(answer)
    with transaction.atomic():
        row = _locked(proposal, version)
        if row.kind == ProposalKind.ACTIVITY:
            row.activity = activity_draft(by=by, now=now, group=row.group, title=row.title, text=row.text)
        else:
            row.piece = piece_create(
                by=by,
                now=now,
                title=_literal(row.title),
                text=_literal(row.text or row.title),
                value=Value.LINK,
                branch=row.group.branch,
                state=PieceState.DRAFT,
            )
        _decide(row, ProposalState.ACCEPTED, answer, by, now)
        audit_record(by=by, action="proposal.accepted", subject=row, after={"answer": answer})
    return row


def _literal(text: str) -> str:
    """The words of a member as those of a piece, which reads braces as its variables."""
    return text.replace("{", "｛").replace("}", "｝")


def proposal_reject(*, by: User, now: datetime, proposal: Proposal, answer: str, version: int) -> Proposal:
    """Declines a proposal with a reason, which its member reads. Raises as proposal_accept does."""
    answer = _answer(answer)
    if not answer:
        raise ValidationError({"answer": ValidationError(_("Give a reason: its member reads it."), code="required")})
    with transaction.atomic():
        row = _locked(proposal, version)
        _decide(row, ProposalState.REJECTED, answer, by, now)
        audit_record(by=by, action="proposal.rejected", subject=row, after={"answer": answer})
    return row


def proposal_reopen(*, by: User, proposal: Proposal, version: int) -> bool:
    """Takes a rejection back. False when it was not rejected, or somebody has acted since."""
    with transaction.atomic():
        gone = Proposal.objects.filter(pk=proposal.pk, state=ProposalState.REJECTED, version=version)
        try:
            with transaction.atomic():
                done = bool(
                    gone.update(
                        state=ProposalState.OPEN, answer="", decided_at=None, decided_by=None, version=version + 1
                    )
                )
        except IntegrityError:
            # Its member has proposed the same again meanwhile.
            return False
        if done:
            audit_record(by=by, action="proposal.reopened", subject=proposal)
    return done


def _answer(answer: str) -> str:
    answer = answer.replace("\x00", "").strip()
    if len(answer) > LONGEST_ANSWER:
        raise ValidationError({"answer": ValidationError(_most(LONGEST_ANSWER), code="max_length")})
    return answer


def _locked(proposal: Proposal, version: int) -> Proposal:
    row = Proposal.objects.select_for_update(of=("self",)).select_related("group__branch").get(pk=proposal.pk)
    if row.state != ProposalState.OPEN or row.version != version:
        raise StaleProposal
    return row


def _decide(row: Proposal, state: ProposalState, answer: str, by: User, now: datetime) -> None:
    row.state, row.answer, row.decided_by, row.decided_at = state, answer, by, now
    row.version += 1
    row.save()


# Moderation


def proposal_hide(*, by: User, now: datetime, proposal: Proposal) -> bool:
    """Takes a proposal from the pages of the others. False when it was hidden already."""
    with transaction.atomic():
        done = bool(Proposal.objects.filter(pk=proposal.pk, hidden_at=None).update(hidden_at=now))
        if done:
            audit_record(by=by, action="proposal.hidden", subject=proposal)
    return done


def proposal_show(*, by: User, proposal: Proposal) -> bool:
    """Takes proposal_hide back."""
    with transaction.atomic():
        done = bool(Proposal.objects.filter(pk=proposal.pk, hidden_at__isnull=False).update(hidden_at=None))
        if done:
            audit_record(by=by, action="proposal.shown", subject=proposal)
    return done
