"""Finds in the demo's database what the walker opens. Runs inside the demo installation, by `manage.py shell`."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import Branch, User
from accounts.services import token_issue
from analytics.models import SavedReport
from campaigns.models import (
    Activity,
    Answer,
    Award,
    Benchmark,
    Brainstorm,
    CheckIn,
    EnvelopeRound,
    MomentsPlan,
    Occurrence,
    Piece,
    PlaybookRun,
    Post,
    Proposal,
    Series,
    SignUp,
)
from delivery.models import Delivery, State
from groups.models import BulkRun, Duty, Group, RuleSet
from groups.rules.services import draft_open
from members.consent.services import consent_give, text_in_force
from members.imports.services import import_start, import_upload
from members.links import membership_token
from members.models import (
    Application,
    CleanupRun,
    DryRun,
    FieldDefinition,
    ImportRun,
    Knowledge,
    Member,
    Membership,
    Need,
    OpenedBy,
    Question,
    SeedUser,
    Segment,
    StaffTask,
    Tag,
    Violation,
)
from members.tasks import enqueue_import
from members.visitors.services import link_code, link_make, session_open
from tests.analytics.digest_things import digest_things
from tests.campaigns.checkins.things import check_in_things
from tests.campaigns.prizes.things import prize_things
from tests.campaigns.talk import talk_things
from tests.members.questions.things import question_things
from tests.members.spend_things import spent


def tell() -> None:
    """Prints the numbers of one of each thing, all of them in Mei's branch."""
    mei = User.objects.get(username="mei")
    group = Group.objects.filter(branch=mei.branch).latest("member_count")
    buyer = Member.objects.filter(memberships__group=group).latest("stage", "last_seen_at")
    waiting, running = (_upload(mei, group) for _file in range(2))
    mapping = {"occurred_at": "时间", "group": "群", "member": "成员"}
    import_start(by=mei, run=running, mapping=mapping, timezone_name="Asia/Shanghai", now=timezone.now())
    enqueue_import(running.pk)
    token, _secret = token_issue(by=mei, user=mei, scopes=["groups:read"], name="数据看板")
    things = {
        "mei": mei.pk,
        "branch": Branch.objects.get(code="hangzhou").pk,
        "token": token.pk,
        "group": group.pk,
        "page_token": group.page_token,
        "member": buyer.pk,
        "post": Post.objects.filter(created_by=mei, state="active").earliest("pk").pk,
        "occurrence": Occurrence.objects.filter(post__created_by=mei, post__state="active").latest("due_at").pk,
        "undo_token": "made-up",
        "question": Question.objects.filter(state="open", group__branch=mei.branch).earliest("pk").pk,
        "knowledge": Knowledge.objects.filter(group__branch=mei.branch).earliest("pk").pk,
        "hours_kind": "group",
        "delivery": Delivery.objects.filter(state=State.WAITING, group_id__in=Group.objects.visible_to(mei))
        .latest("pk")
        .pk,
    }
    # A failure that its channel explains: beside the reason stands a link.
    lost = Delivery.objects.filter(state=State.SENT, group_id=group.pk).order_by("pk")[:1].values("pk")
    Delivery.objects.filter(pk__in=lost).update(
        state=State.FAILED, error_code="destination_disabled", due_at=timezone.now()
    )
    things |= {
        "piece": Piece.objects.filter(branch=mei.branch).earliest("pk").pk,
        "series": Series.objects.filter(branch=mei.branch).earliest("pk").pk,
    }
    things |= _seed_things(group)
    rule_set = RuleSet.objects.get(name="杭州家长群群规")
    draft = draft_open(by=User.objects.get(username="lin"), now=timezone.now(), rule_set=rule_set)
    things |= {"rule_set": rule_set.pk, "rules_version": 2, "rules_draft": draft.pk, "rule_code": "advertising"}
    things |= {
        "task": StaffTask.objects.filter(branch=mei.branch, kind="note").earliest("pk").pk,
        "duty": Duty.objects.earliest("pk").pk,
    }
    things |= {
        "bulk_run": BulkRun.objects.filter(started_by=mei).earliest("pk").pk,
        "bulk_subject": "group",
        "motivation": "growth",
        "promotion": 0,
    }
    things |= _entry_things(group)
    things |= _people_things(mei)
    things |= digest_things(by=mei, now=timezone.now())
    # A channel that the other branch has never heard of.
    spend = spent(mei, "hangzhou-shop", 900, now=timezone.now())
    things |= {"spend": spend.pk, "channel": spend.channel_id}
    things["saved_report"] = SavedReport.objects.filter(owner=mei).earliest("pk").pk
    things["benchmark"] = Benchmark.objects.filter(group__branch=mei.branch).latest("nominated_at").pk
    things |= _playbook_things(mei)
    things |= _talk_things(mei)
    things |= {"import": waiting.pk, "import_done": running.pk}
    violation = Violation.objects.filter(group__branch=mei.branch).earliest("pk")
    reader = Membership.objects.select_related("group").filter(group=violation.group, member=violation.member).get()
    things |= {"violation": violation.pk, "membership": reader.pk, "personal_link": membership_token(reader)}
    things["rules_version_pk"] = draft.pk
    things["dry_run"] = DryRun.objects.filter(started_by=mei).latest("pk").pk
    crowded = Activity.objects.filter(groups__branch=mei.branch, decided="open", signups__state="waiting")
    workshop = crowded.latest("starts_at")
    place = SignUp.objects.filter(activity=workshop, state="going").earliest("pk")
    things |= {"activity": workshop.pk, "activity_signup": place.pk}
    # Last: members open the things of this very group.
    things |= _visitor_things(mei, group, buyer)
    json.dump(things, sys.stdout)


def _talk_things(mei: User) -> dict[str, Any]:
    """A brainstorm with an answer, a need and a proposal of Mei's branch."""
    answer = Answer.objects.visible_to(mei).earliest("pk")
    return {
        "brainstorm_plan": answer.session.plan_id,
        "brainstorm": answer.session_id,
        "answer": answer.pk,
        "need": Need.objects.visible_to(mei).earliest("pk").pk,
        "need_merge": 0,
        "proposal": Proposal.objects.visible_to(mei).earliest("pk").pk,
        "proposal_version": 1,
    }


def _entry_things(group: Group) -> dict[str, Any]:
    """An application that waits, and the clean-up of Mei's branch."""
    application = Application.objects.pending().filter(group__branch=group.branch).earliest("pk")
    return {
        "application": application.pk,
        "application_token": application.token,
        "membership": group.memberships.latest("last_seen_at").pk,
        "cleanup_run": CleanupRun.objects.filter(branch=group.branch).earliest("pk").pk,
    }


def _visitor_things(mei: User, group: Group, buyer: Member) -> dict[str, Any]:
    """A link, and the cookies of phones: of a member of the group, of one who left it, of one who agreed to nothing."""
    now = timezone.now()
    present = Membership.objects.present().filter(group=group, member__merged_into=None)
    here, undecided = [row.member for row in present.select_related("member").order_by("-last_seen_at", "pk")[:2]]
    left = Membership.objects.filter(group=group).exclude(pk__in=present).select_related("member").earliest("pk").member
    text = text_in_force()
    assert text is not None
    link = link_make(by=mei, now=now, member=buyer, group=group)
    # As in the tests of addresses; asked a second time of an installation that is kept running, the same again.
    made = question_things(by=mei, group=group, member=here, now=now)
    talk = Brainstorm.objects.filter(group=group).first()
    made |= (
        {"brainstorm": talk.pk, "brainstorm_plan": talk.plan_id} if talk else talk_things(by=mei, group=group, now=now)
    )
    award = Award.objects.filter(key="things").first()
    given = EnvelopeRound.objects.filter(group=group).first()
    if award and given:
        here = award.member
        made |= {"award": award.pk, "prize": award.prize_id, "envelope_round": given.pk}
        made |= {"envelope": given.envelope_id, "budget": given.envelope.budget_id}
    else:
        made |= prize_things(by=mei, group=group, member=here, now=now)
    done = CheckIn.objects.filter(group=group).first()
    made |= (
        {"check_ins": done.programme_id, "check_in": done.pk} if done else check_in_things(by=mei, group=group, now=now)
    )
    cookies = {}
    for name, member in (("visitor", here), ("left", left), ("undecided", undecided)):
        cookies[f"{name}_cookie"] = session_open(
            now=now, member=member, opened_by=OpenedBy.LINK, device="WeChat · Android"
        )
        if name != "undecided":
            consent_give(now=now, member=member, version=text.version, channel=OpenedBy.LINK)
    return {**made, **cookies, "link": link.pk, "link_code": link_code(link)}


def _seed_things(group: Group) -> dict[str, int]:
    """A seed user of Mei's branch."""
    seed = SeedUser.objects.filter(branch=group.branch, stage="invited").earliest("pk")
    return {"seed": seed.pk}


def _people_things(mei: User) -> dict[str, int]:
    """A tag and a segment of Mei's branch, and a field of the community."""
    return {
        "tag": Tag.objects.filter(branch=mei.branch).earliest("pk").pk,
        "segment": Segment.objects.filter(branch=mei.branch).earliest("pk").pk,
        "member_field": FieldDefinition.objects.earliest("pk").pk,
    }


def _playbook_things(mei: User) -> dict[str, int]:
    """A playbook of Mei's branch and a run of it that is under way."""
    run = PlaybookRun.objects.running().filter(playbook__branch=mei.branch).earliest("pk")
    plan = MomentsPlan.objects.filter(branch=mei.branch).earliest("pk")
    return {"playbook": run.playbook_id, "playbook_run": run.pk, "moments_plan": plan.pk}


def _upload(by: User, group: Group) -> ImportRun:
    """A file of messages, one of its rows with a date that nobody can read."""
    rows = ["时间,群,成员", *(f"2026-03-01 09:{minute:02},{group.external_id},新成员 {minute}" for minute in range(30))]
    file = SimpleUploadedFile("三月群消息.csv", "\n".join([*rows, f"昨天,{group.external_id},新成员 1"]).encode())
    return import_upload(by=by, kind="messages", file=file, now=timezone.now())
