"""The ledger: whatever is asked of it, the answer is that of the database."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.db import connection

from activity.models import Event
from activity.services import event_key
from analytics.index.building import index_build, index_refresh
from analytics.index.files import LEDGER, index_folder, index_remove
from analytics.ledger.building import fresh_tables
from analytics.ledger.columns import owners_of
from analytics.ledger.files import ledger_manifest
from analytics.ledger.reading import Ledger, undisturbed
from analytics.ledger.rows import currency_code, currency_word
from analytics.tasks import refresh_index
from campaigns.orders.services import NewOrder, orders_record
from members.ingestion import IncomingEvent, ingest
from members.ingestion.by_hand import Deed, events_by_hand, events_take_back
from members.merging.services import members_merge, merge_undo
from members.models import Member, Membership
from tests.builders import NOW, make_group
from tests.races import at_once

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def tell(*rows):
    """(member, group, kind, days ago, value)"""
    events = [
        IncomingEvent(event_key("t", str(row)), row[0], row[1], row[2], NOW - row[3] * DAY, "", (*row, None)[4])
        for row in rows
    ]
    assert not ingest(events=events, source="t", by=None, create_missing=True, now=NOW).rejected


def buy(member, ago, currency="CNY", key=""):
    order = NewOrder(key or event_key("shop", f"{member} {ago}"), member, NOW - ago * DAY, Decimal(7), currency)
    orders_record(orders=[order], source="shop", by=None, now=NOW)


def counted(tables):
    """The rows that count, with their members, in one order."""
    rows = []
    for table, skip in tables:
        owners = owners_of(table, np.arange(int(table.offsets[-1])))
        for place, owner in enumerate(owners.tolist()):
            if not skip[np.searchsorted(table.members, owner)]:
                rows.append((owner, *(int(column[place]) for column in table[2:])))
    return sorted(rows)


def says_what_the_database_says():
    everybody = np.array(sorted(Member.objects.values_list("pk", flat=True)), np.int64)
    truth = [counted([(table, np.zeros(len(table.members), np.bool_))]) for table in fresh_tables(everybody)]
    ledger = Ledger.now()
    assert [counted(ledger.places()), counted(ledger.payments(everybody)), counted(ledger.orders(everybody))] == truth
    return ledger


@pytest.fixture
def story(cast):
    make_group(branch=cast.hangzhou, external_id="h")
    make_group(branch=cast.chengdu, external_id="c")
    tell(("ann", "h", "joined", 9), ("ben", "h", "joined", 8), ("ben", "c", "joined", 7), ("cid", "c", "joined", 6))
    buy("ann", 5, "USD")
    buy("cid", 5)
    tell(("ann", "h", "refunded", 4, Decimal("2.5")), ("ben", "h", "ordered", 3, Decimal(9)), ("ben", "h", "left", 2))
    return cast


def test_it_says_what_the_database_says_whatever_was_built_added_merged_and_taken_back(story):
    assert says_what_the_database_says().stored is None
    known = ("cid", "c", "ordered", 2, Decimal(7))
    tell(known)
    index_build(now=NOW)
    ledger = says_what_the_database_says()
    assert ledger.stored is not None
    assert not len(ledger.changed)
    # Earlier than anything known; a new member; somebody comes back.
    tell(("ben", "h", "message", 30), ("dan", "h", "joined", 1), ("ben", "h", "message", 1))
    # An order before the refund decides on its currency; one of a key that an event has already.
    buy("ann", 4.5, "EUR")
    buy("cid", 2, "USD", key=event_key("t", str(known)))
    assert len(says_what_the_database_says().changed) == 4
    index_refresh(now=NOW)
    assert not len(says_what_the_database_says().changed)
    ann, ben = (Member.objects.get(external_id=name) for name in ("ann", "ben"))
    run = members_merge(by=story.lin, now=NOW, winner=ann, loser=ben)
    assert len(says_what_the_database_says().changed) == 2
    index_refresh(now=NOW)
    says_what_the_database_says()
    merge_undo(by=story.lin, now=NOW, run=run)
    says_what_the_database_says()
    group = Membership.objects.filter(group__external_id="c").first().group
    events_by_hand(deeds=[Deed("x", ann, group, "joined", NOW)], now=NOW)
    index_refresh(now=NOW)
    events_take_back(refs=["x"], now=NOW)
    assert not Membership.objects.filter(member=ann, group=group).exists()
    says_what_the_database_says()


def test_nothing_is_written_where_nothing_is_new_and_what_is_not_needed_goes(story):
    index_build(now=NOW)
    before = ledger_manifest()
    refresh_index()
    assert ledger_manifest() == before
    tell(("ann", "h", "message", 1))
    refresh_index()
    assert ledger_manifest().newest == Event.objects.order_by("-pk").first().pk
    assert ledger_manifest().folder != before.folder
    index_remove()
    assert says_what_the_database_says().stored is None


@pytest.mark.parametrize("fault", ["a file cut", "a file gone", "another version", "another database"])
def test_a_damaged_one_is_none_and_the_next_refresh_mends_it(story, fault, monkeypatch):
    index_build(now=NOW)
    folder = index_folder() / ledger_manifest().folder
    if fault == "a file cut":
        np.save(folder / "places-joined.npy", np.zeros(1, np.int64))
    elif fault == "a file gone":
        (folder / "orders-at.npy").unlink()
    else:
        values = json.loads((index_folder() / LEDGER).read_text())
        values |= {"format": 0} if fault == "another version" else {"newest_key": "0" * 32}
        (index_folder() / LEDGER).write_text(json.dumps(values))
    monkeypatch.setattr("analytics.ledger.files._opened.last", None)
    assert says_what_the_database_says().stored is None
    tell(("ann", "h", "message", 1))
    refresh_index()
    assert says_what_the_database_says().stored is not None


def test_what_was_counted_while_members_were_merged_is_counted_again(story):
    ann, ben = (Member.objects.get(external_id=name) for name in ("ann", "ben"))
    rounds: list[int] = []

    def count():
        rounds.append(len(rounds))
        if len(rounds) == 1:
            members_merge(by=story.lin, now=NOW, winner=ann, loser=ben)
        return len(rounds)

    assert undisturbed(count) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_whoever_was_acknowledged_is_counted_while_the_ledger_grows(cast):
    make_group(branch=cast.hangzhou, external_id="h")
    tell(("m", "h", "joined", 1))
    index_build(now=NOW)
    writers, each = 2, 15
    begun, done, over = [0] * writers, [0] * writers, []

    def write(writer):
        for number in range(each):
            begun[writer] += 1
            tell((f"m{writer}-{number}", "h", "joined", 1))
            done[writer] += 1
        over.append(writer)

    def count():
        while len(over) < writers:
            least = sum(done)
            assert 1 + least <= len(counted(Ledger.now().places())) <= 1 + sum(begun)

    def refresh():
        while len(over) < writers:
            refresh_index()

    acts = [lambda: write(0), lambda: write(1), count, refresh]
    assert not [fault for fault in at_once(lambda position: acts[position](), len(acts)) if fault is not None]
    assert len(says_what_the_database_says().places()) == 2


@pytest.mark.once
def test_currencies_are_numbers_and_back():
    for word in ("CNY", "USD", "", "€"):
        assert currency_word(currency_code(word)) == word
    assert currency_code("") == 0
    assert max(currency_code(word) for word in ("ZZZ", "\U0010ffff" * 3)) < 2**63
