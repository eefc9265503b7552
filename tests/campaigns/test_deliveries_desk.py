"""Many deliveries at the desk of an operator: causes, one decision for many, taking decisions back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import AuditEntry, User
from campaigns.deliveries.services import Decision, delivery_decide
from delivery.models import Delivery, Message
from delivery.services import deliver, dispatch
from groups.bulk.models import BulkRun
from groups.bulk.services import bulk_work
from groups.models import GroupRole, Permission
from groups.roles.services import role_permission_set, staff_role_grant
from tests.base import Cast
from tests.builders import NOW, make_group

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as travel:
        yield travel


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def make_deliveries(group, count=1, *, due=NOW - timedelta(minutes=5), **fields) -> list[Delivery]:
    """Deliveries as the dispatcher leaves them."""
    message = Message.objects.create(title="早安", text="今日书单")
    start = Delivery.objects.count()
    return Delivery.objects.bulk_create(
        [
            Delivery(
                dedupe_key=f"desk:{start + number}",
                kind="inapp",
                group_id=group.pk,
                group_ref=group.external_id,
                message=message,
                due_at=due,
                late_until=due + timedelta(minutes=30),
                **fields,
            )
            for number in range(count)
        ]
    )


def undo_of(response) -> str:
    tags: str = next(note.extra_tags for note in response.context["messages"])
    return tags.split(":", 1)[1].split(" ")[0]


def test_failures_of_one_cause_are_said_once_and_lead_to_their_list(cast: Cast):
    first, second = (make_group(name, branch=cast.hangzhou) for name in ("甲", "乙"))
    make_deliveries(first, 2, state="failed", error_code="refused", error="404", settled_at=NOW)
    make_deliveries(second, 1, state="failed", error_code="refused", error="404", settled_at=NOW)
    make_deliveries(second, 1, state="failed", error_code="destination_disabled", settled_at=NOW)
    make_deliveries(make_group(branch=cast.chengdu), 1, state="failed", error_code="refused", error="404")
    mei = signed_in(cast.mei)

    page = mei.get("/deliveries/")
    [refused, disabled] = page.context["causes"]

    assert (refused.count, refused.groups, str(refused.why)) == (3, 2, "The receiver refused the message (404).")
    assert (disabled.count, disabled.channel_group) == (1, second.pk)
    assert mei.get(f"/deliveries/?{refused.query}").context["listing"].total == 3
    assert page.context["standing"].failed == 4
    assert "Switch the channel on again" in page.content.decode()


def test_one_decision_settles_a_whole_cause_and_is_taken_back(cast: Cast):
    mine, theirs = make_group("甲", branch=cast.hangzhou), make_group("乙", branch=cast.hangzhou)
    for role in (GroupRole.ADMINISTRATOR, "operator"):
        role_permission_set(by=cast.lin, role=role, permission=Permission.POST, allowed=role != "operator")
    staff_role_grant(by=cast.lin, now=NOW, group=mine, user=cast.mei, role=GroupRole.ADMINISTRATOR)
    failed = make_deliveries(mine, 3, state="failed", error_code="refused", error="404", settled_at=NOW)
    [not_mine] = make_deliveries(theirs, 1, state="failed", error_code="refused", error="404", settled_at=NOW)
    mei = signed_in(cast.mei)
    chosen = {"query": "state=failed&reason=refused&detail=404", "all": "1", "action": "delivery.skip"}

    preview = mei.post("/bulk/delivery/", chosen).context["preview"]
    assert (preview.total, preview.changing.count) == (4, 3)
    assert preview.changing.names == ["早安 · 甲"] * 3
    assert [(part.count, part.names) for part in preview.unchanged] == [(1, ["早安 · 乙"])]

    mei.post("/bulk/delivery/", {**chosen, "step": "start", "key": "k", "expected": "4"})
    run = BulkRun.objects.get()
    bulk_work(run_id=run.pk)
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert [states[row.pk] for row in failed] == ["skipped"] * 3
    assert states[not_mine.pk] == "failed"

    mei.post(f"/bulk/runs/{run.pk}/undo/")
    bulk_work(run_id=run.pk)
    assert set(Delivery.objects.values_list("state", "error_code", "error")) == {("failed", "refused", "404")}


def test_a_decision_is_taken_back_by_the_one_who_made_it(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    [delivery] = make_deliveries(group, state="unknown", error_code="outcome_unknown", attempts=1)
    before = Delivery.objects.filter(pk=delivery.pk).values().get()
    mei = signed_in(cast.mei)
    response = mei.post(
        f"/deliveries/{delivery.pk}/decide/",
        {"decision": "sent", "seen": "unknown", "next": "/deliveries/"},
        follow=True,
    )
    assert Delivery.objects.get().state == "sent"
    undo = undo_of(response)

    lin = signed_in(cast.lin).post(undo, follow=True)
    assert "too late" in lin.content.decode()
    assert Delivery.objects.get().state == "sent"
    assert mei.post(undo, follow=True).status_code == 200
    assert Delivery.objects.filter(pk=delivery.pk).values().get() == before
    assert list(
        AuditEntry.objects.filter(subject_type="delivery.delivery").values_list("action", flat=True).order_by("pk")
    ) == [
        "delivery.mark_sent",
        "delivery.undecided",
    ]
    page = mei.get(f"/deliveries/{delivery.pk}/")
    assert [moment.kind for moment in page.context["life"]][-2:] == ["mark_sent", "undecided"]


def test_what_was_sent_meanwhile_cannot_be_taken_back(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    [delivery] = make_deliveries(group, state="failed", error_code="internal", attempts=1, settled_at=NOW)
    mei = signed_in(cast.mei)
    undo = undo_of(mei.post(f"/deliveries/{delivery.pk}/skip/", follow=True))

    mei.post(f"/deliveries/{delivery.pk}/send/")
    deliver(delivery_id=delivery.pk)
    page = mei.post(undo, follow=True).content.decode()

    assert "moved on" in page
    assert Delivery.objects.get().state == "sent"


def test_whoever_decides_on_what_is_over_changes_nothing(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    [delivery] = make_deliveries(group, state="failed", error_code="internal", settled_at=NOW)
    seen = Delivery.objects.get()

    assert delivery_decide(by=cast.lin, now=NOW, delivery=seen, decision=Decision.SKIP, seen="failed")
    # A skipped delivery may be sent; but not by somebody who believes that it has failed.
    assert not delivery_decide(by=cast.mei, now=NOW, delivery=seen, decision=Decision.SEND, seen="failed")
    assert Delivery.objects.get(pk=delivery.pk).state == "skipped"


def test_who_may_not_decide_reads_who_may(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    make_deliveries(group, state="failed", error_code="internal", settled_at=NOW)
    role_permission_set(by=cast.lin, role="operator", permission=Permission.POST, allowed=False)
    owner = User.objects.create_user("wei", role="operator", branch=cast.hangzhou, display_name="魏")
    mei = signed_in(cast.mei)

    assert "Up to an administrator" in mei.get("/deliveries/").content.decode()
    staff_role_grant(by=cast.lin, now=NOW, group=group, user=owner, role=GroupRole.OWNER)
    page = mei.get("/deliveries/").content.decode()
    assert "Up to: " in page
    assert str(owner) in page
    assert "/decide/" not in page


def test_lateness_own_days_and_reasons_are_filters(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    make_deliveries(group, 1, state="sent", settled_at=NOW - timedelta(minutes=4, seconds=30))
    make_deliveries(group, 2, state="sent", settled_at=NOW)
    make_deliveries(group, 3, due=NOW - timedelta(days=3), state="failed", error_code="dns", error="x.cn")
    mei = signed_in(cast.mei)

    def count(**query):
        return mei.get("/deliveries/", query).context["listing"].total

    assert count() == 6
    assert count(late="1") == 2
    assert count(late="10") == 0
    assert count(reason="dns") == 3
    assert count(**{"from": "2026-03-01"}) == 3
    assert count(to="2026-03-01") == 3
    assert count(**{"from": "2026-02-27", "to": "2026-02-27"}) == 3
    assert count(**{"from": "no day", "to": "2026-99-99"}) == 6
    assert count(q=group.name) == 6
    lin = signed_in(cast.lin)
    assert lin.get("/deliveries/", {"branch": cast.chengdu.pk}).context["listing"].total == 0
    assert lin.get("/deliveries/", {"branch": cast.hangzhou.pk}).context["listing"].total == 6


@pytest.mark.parametrize("count", [2, 20])
def test_the_page_takes_the_same_queries_whatever_stands_still(cast: Cast, django_assert_max_num_queries, count):
    role_permission_set(by=cast.lin, role="operator", permission=Permission.POST, allowed=False)
    for number in range(count):
        group = make_group(branch=cast.hangzhou)
        make_deliveries(group, 1, state="failed", error_code="dns", error=f"{number}.cn", settled_at=NOW)
    mei = signed_in(cast.mei)
    with django_assert_max_num_queries(15):
        assert mei.get("/deliveries/").context["listing"].total == count


def test_a_skip_of_what_is_planned_is_taken_back_and_still_goes_out(cast: Cast):
    group = make_group(branch=cast.hangzhou)
    [delivery] = make_deliveries(group, due=NOW + timedelta(minutes=1), state="planned")
    mei = signed_in(cast.mei)
    mei.post(undo_of(mei.post(f"/deliveries/{delivery.pk}/skip/", follow=True)))
    later = NOW + timedelta(minutes=1)
    assert dispatch(now=later, clock=later).queued == [delivery.pk]
