"""Applications: made, decided, withdrawn, expired."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from accounts.models import User
from groups.models import Group
from members.entry.models import Application, ApplicationState, Approval, EntryPlan, EntryQuestion, QuestionKind
from members.identities import erased_among, share_identities
from members.models import Member, Membership, StaffTask
from members.visitors.wechat import wechat_approved
from members.work.services import task_ensure, tasks_cancel

# Nobody who waited this long still counts on it.
LASTS = timedelta(days=30)
INVITE = "entry_invite"
INVITED_WITHIN = timedelta(days=1)
MOST_ANSWER = 500


class GroupFull(Exception):
    """The group has no seat left: the application stays on the waiting list."""


@dataclass(frozen=True)
class Applicant:
    """Who applies. `external_id` is only ever given by another system: what a stranger claims proves nothing."""

    name: str
    contact: str = ""
    referrer: str = ""
    channel: str = ""
    external_id: str = ""
    sender: str = ""
    wechat: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[int, str] = field(default_factory=dict)


def seats_left(group: Group) -> int:
    """Seats that nobody has and nobody was promised."""
    present = Membership.objects.present().filter(group=group).count()
    promised = StaffTask.objects.open().filter(kind=INVITE, group=group).count()
    return max(0, group.capacity - present - promised)


def application_make(*, group: Group, applicant: Applicant, now: datetime, by: User | None = None) -> Application:
    """Takes an application; with wanted answers and a free seat it may be approved at once, see EntryPlan.approval.

    `by` is the person whose system sends it; empty: the applicant's own form. Raises ValidationError by field;
    questions are called `question_ID`.
    """
    plan = EntryPlan.objects.filter(group=group, is_open=True).first()
    if plan is None:
        raise ValidationError(_("This group takes no applications."), code="not_open")
    errors: dict[str, ValidationError] = {}
    questions = list(EntryQuestion.objects.filter(group=group))
    answers = []
    for question in questions:
        answer = applicant.answers.get(question.pk, "").strip()
        name = f"question_{question.pk}"
        if not answer:
            if question.required:
                errors[name] = ValidationError(_("Please answer this question."), code="required")
            continue
        if question.kind == QuestionKind.CHOICE and answer not in question.choices:
            errors[name] = ValidationError(_("Choose one of the answers."), code="invalid_choice")
        elif len(answer) > MOST_ANSWER:
            errors[name] = ValidationError(
                _("Use at most %(most)d characters.") % {"most": MOST_ANSWER}, code="max_length"
            )
        kept: dict[str, object] = {"question": question.pk, "text": question.text, "answer": answer}
        if question.wanted:
            kept["wanted"] = answer in question.wanted
        answers.append(kept)
    given = {answer["question"]: answer for answer in answers}
    fits = all(given.get(question.pk, {}).get("wanted") for question in questions if question.wanted)
    application = Application(
        group=group,
        name=applicant.name.strip(),
        contact=applicant.contact.strip(),
        external_id=applicant.external_id.strip(),
        referrer=applicant.referrer.strip(),
        channel=applicant.channel.strip(),
        answers=answers,
        fits=fits and any(question.wanted for question in questions),
        sender=applicant.sender,
        wechat=dict(applicant.wechat),
        created_at=now,
    )
    try:
        application.clean_fields(exclude=["group", "member", "decided_by"])
    except ValidationError as error:
        errors.update({name: ValidationError(found) for name, found in error.error_dict.items()})
    application.member = member = _named_member(application, by, errors)
    if errors:
        raise ValidationError(errors)
    with transaction.atomic():
        try:
            with transaction.atomic():
                application.save()
        except IntegrityError as error:
            raise ValidationError(
                {"contact": _("An application with this WeChat id is waiting already. Its page shows how it stands.")},
                code="already_waiting",
            ) from error
        if plan.approval == Approval.ANSWERS and application.fits:
            # Without a free seat it waits for the sweep.
            with suppress(GroupFull):
                application_approve(by=None, now=now, application=application, member=member)
    return application


def _named_member(application: Application, by: User | None, errors: dict[str, ValidationError]) -> Member | None:
    """The member whom the sending system names, if there is one; those out of its reach are refused."""
    if not application.external_id:
        return None
    member = _known_as(application.external_id)
    if member and by and not _within_reach(member, by):
        errors["external_id"] = ValidationError(_("No such member within reach."), code="unknown_member")
    elif member is None and erased_among([application.external_id]):
        errors["external_id"] = ValidationError(
            _("This person was erased and is not taken in again."), code="erased_member"
        )
    return member


def _known_as(external_id: str) -> Member | None:
    """The member with this id; of one who was merged, the other one."""
    found = Member.objects.select_related("merged_into").filter(external_id=external_id).first()
    return found and (found.merged_into or found)


def _within_reach(member: Member, by: User) -> bool:
    """Whether `by` sees the member, or nobody's branch knows them."""
    return not member.memberships.exists() or Member.objects.visible_to(by).filter(pk=member.pk).exists()


def application_approve(
    *, by: User | None, now: datetime, application: Application, member: Member | None = None
) -> bool:
    """Lets an applicant in: they become a member, or are known as `member`, and staff get the task of inviting them.

    `by` empty: the answers decided. False when the application is decided already. Raises GroupFull.
    """
    with transaction.atomic():
        share_identities()
        group = Group.objects.select_for_update(no_key=True).get(pk=application.group_id)
        current = Application.objects.select_for_update().filter(pk=application.pk).pending().first()
        if current is None:
            return False
        if not seats_left(group):
            raise GroupFull
        member = member or current.member
        name = current.external_id
        if member is None and name:
            member = _known_as(name)
            # The id may have become that of somebody in another branch since it was sent.
            if member and not _within_reach(member, by or User(branch_id=group.branch_id)):
                member, name = None, ""
        if member is None:
            member = Member.objects.create(
                external_id=name or f"application-{current.pk}",
                name=current.name,
                contact=current.contact,
            )
        elif not member.contact and current.contact:
            Member.objects.filter(pk=member.pk).update(contact=current.contact)
        if member.invited_by_id is None and (inviter := _inviter(current, member)):
            Member.objects.filter(pk=member.pk, invited_by=None).update(invited_by=inviter)
        wechat_approved(now=now, application=current, member=member)
        _decide(current, ApplicationState.APPROVED, by, now, member=member)
        task_ensure(
            kind=INVITE,
            key=f"entry-invite:{current.pk}:{now:%Y%m%d%H%M%S%f}",
            due_at=now + INVITED_WITHIN,
            now=now,
            group=group,
            member=member,
            subject_id=current.pk,
            data={"contact": current.contact},
        )
    _copy(current, application)
    return True


def application_reject(*, by: User, now: datetime, application: Application, reason: str) -> bool:
    """Refuses an applicant, who reads the reason. False when the application is decided already.

    Raises ValidationError without a reason.
    """
    if not reason.strip():
        raise ValidationError({"reason": _("Say why: the applicant reads it.")}, code="required")
    return _end(application, ApplicationState.REJECTED, by, now, reason.strip()[:500])


def application_reopen(*, by: User, now: datetime, application: Application) -> bool:
    """Takes a decision back: the application waits again. False when it cannot be: nobody decided, somebody was invited
    already, or the applicant has applied anew."""
    with transaction.atomic():
        decided = [ApplicationState.APPROVED, ApplicationState.REJECTED]
        current = Application.objects.select_for_update().filter(pk=application.pk, state__in=decided).first()
        if current is None:
            return False
        others = Application.objects.pending().filter(group=current.group_id, contact__iexact=current.contact)
        if current.contact and others.exists():
            return False
        if current.state == ApplicationState.APPROVED and not tasks_cancel(now=now, kind=INVITE, subject_id=current.pk):
            return False
        before = current.state
        current.state, current.decided_at, current.decided_by, current.reason = ApplicationState.PENDING, None, None, ""
        current.save(update_fields=["state", "decided_at", "decided_by", "reason"])
        audit_record(
            by=by,
            action="application.reopened",
            subject=current,
            before={"state": before},
            after={"state": current.state, "group": current.group},
        )
    _copy(current, application)
    return True


def application_withdraw(*, now: datetime, application: Application) -> bool:
    """The applicant thought better of it. False when the application is decided already."""
    return _end(application, ApplicationState.WITHDRAWN, None, now)


def applications_sweep(*, now: datetime) -> int:
    """Moves on what time and free seats decide: old applications expire, wanted answers get seats that came free,
    invitations end when the invited person is there. Returns how many applications changed."""
    changed = 0
    for application in Application.objects.pending().filter(created_at__lt=now - LASTS):
        changed += _end(application, ApplicationState.EXPIRED, None, now)
    waiting = Application.objects.pending().filter(
        fits=True, group__entry_plan__approval=Approval.ANSWERS, group__entry_plan__is_open=True
    )
    full: set[int] = set()
    for application in waiting.order_by("created_at", "pk"):
        if application.group_id not in full:
            try:
                changed += application_approve(by=None, now=now, application=application)
            except GroupFull:
                full.add(application.group_id)
    there = Membership.objects.present().filter(member=OuterRef("member"), group=OuterRef("group"))
    arrived = StaffTask.objects.open().filter(Exists(there), kind=INVITE).values_list("pk", flat=True)
    tasks_cancel(now=now, pk__in=list(arrived))
    return changed


def applications_forget(*, before: datetime) -> int:
    """Deletes applications that were decided before an instant; returns how many."""
    return Application.objects.filter(decided_at__lt=before).delete()[0]


def _inviter(application: Application, member: Member) -> Member | None:
    """The member of the group whom the applicant names, when exactly one goes by that WeChat id or id."""
    if not application.referrer:
        return None
    named = Q(contact__iexact=application.referrer) | Q(external_id=application.referrer)
    here = Membership.objects.filter(group=application.group_id).values("member")
    found = list(Member.objects.filter(named, pk__in=here).exclude(pk=member.pk)[:2])
    return found[0] if len(found) == 1 else None


def _end(application: Application, state: str, by: User | None, now: datetime, reason: str = "") -> bool:
    with transaction.atomic():
        current = Application.objects.select_for_update().filter(pk=application.pk).pending().first()
        if current is None:
            return False
        _decide(current, state, by, now, reason=reason)
    _copy(current, application)
    return True


def _decide(
    application: Application,
    state: str,
    by: User | None,
    now: datetime,
    *,
    member: Member | None = None,
    reason: str = "",
) -> None:
    application.state, application.decided_at, application.decided_by = state, now, by
    application.reason, application.member = reason, member or application.member
    # Who WeChat said it is has been handed on, or is of no use any more.
    application.wechat = {}
    application.save(update_fields=["state", "decided_at", "decided_by", "reason", "member", "wechat"])
    audit_record(
        by=by,
        action=f"application.{state}",
        subject=application,
        before={"state": ApplicationState.PENDING},
        after={"state": state, "group": application.group} | ({"reason": reason} if reason else {}),
    )


def _copy(current: Application, application: Application) -> None:
    for name in ("state", "decided_at", "decided_by", "reason", "member"):
        setattr(application, name, getattr(current, name))
