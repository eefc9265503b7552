"""The importer of what was spent on channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple, ParamSpec, TypeVar

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Branch, User
from activity.services import event_key
from members.acquisition.doubts import Likeness, doubt_new, doubt_there
from members.acquisition.models import ChannelSpend
from members.acquisition.services import spend_mistakes, spend_record, spend_restore
from members.imports.importers import Doubt, ImportField, Written, labels_of
from members.imports.values import RowError, read_amount, read_currency, read_day, read_name, read_optional
from members.ingestion.reading import MAX_CHANNEL

P = ParamSpec("P")
T = TypeVar("T")


class SpendItem(NamedTuple):
    channel: str
    first_day: date
    last_day: date
    amount: Decimal
    currency: str
    note: str
    branch: str

    def likeness(self, branch: Branch | None) -> Likeness:
        where = branch.pk if branch else None
        return (self.channel, where, self.first_day, self.last_day, self.amount, self.currency)


class SpendImporter:
    name = "spend"
    label = gettext_lazy("Spend on channels")
    fields = (
        ImportField(
            "channel", gettext_lazy("Channel"), True, ("channel code", "campaign", "渠道", "渠道码", "来源渠道")
        ),
        ImportField(
            "first_day",
            gettext_lazy("First day"),
            True,
            ("from", "start", "start date", "date", "day", "开始日期", "起始日期", "日期", "首日"),
        ),
        ImportField(
            "last_day", gettext_lazy("Last day"), False, ("to", "end", "end date", "结束日期", "截止日期", "末日")
        ),
        ImportField(
            "amount", gettext_lazy("Amount"), True, ("spend", "cost", "budget", "金额", "花费", "费用", "投入", "成本")
        ),
        ImportField("currency", gettext_lazy("Currency"), False, ("currency code", "币种", "货币")),
        ImportField("note", gettext_lazy("Note"), False, ("remark", "comment", "备注", "说明")),
        ImportField("branch", gettext_lazy("Branch"), False, ("branch code", "分校", "门店", "分部", "校区")),
    )

    def reader(self, zone: tzinfo) -> Callable[[Sequence[str]], SpendItem]:
        called = labels_of(self.fields)
        now = timezone.now()

        def read(cells: Sequence[str]) -> SpendItem:
            channel, first, last, amount, currency, note, branch = cells
            problems: list[str] = []

            def tried(reader: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
                try:
                    return reader(*args, **kwargs)
                except RowError as error:
                    problems.append(str(error))
                    return None

            code = tried(read_currency, currency)
            first_day = tried(read_day, first, called["first_day"], zone)
            last_day = tried(read_day, last, called["last_day"], zone) if last.strip() else first_day
            paid = tried(read_amount, amount, called["amount"], code)
            item = (
                tried(read_name, channel, called["channel"], MAX_CHANNEL),
                first_day,
                last_day,
                paid,
                code,
                tried(read_optional, note, called["note"], 200),
                tried(read_optional, branch, called["branch"], 120),
            )
            if problems:
                # Whoever mends the row hears everything at once.
                more = spend_mistakes(now=now, first_day=first_day, last_day=last_day, amount=paid, currency=code)
                raise RowError(" ".join([*problems, *more.values()]))
            return SpendItem(*item)  # type: ignore[arg-type]  # whatever is missing is a problem

        return read

    def identity(self, item: SpendItem) -> str:
        return "\n".join(str(part) for part in item)

    def write(self, items: Sequence[tuple[str, SpendItem]], *, by: User | None, now: datetime) -> Written:
        assert by is not None
        written = Written()
        branches = _branches(by)
        keys: dict[int, tuple[str, Branch | None]] = {}
        for place, (key, item) in enumerate(items):
            branch = branches.get(item.branch.casefold())
            mistakes = list(
                spend_mistakes(
                    now=now,
                    first_day=item.first_day,
                    last_day=item.last_day,
                    amount=item.amount,
                    currency=item.currency,
                ).values()
            )
            if item.branch and branch is None:
                mistakes.append(_('There is no branch "%(name)s".') % {"name": item.branch[:60]})
            if mistakes:
                written.rejected[place] = " ".join(mistakes)
            else:
                keys[place] = _key(key, branch), branch
        known = _known(key for key, _branch in keys.values())
        for place, (key, branch) in keys.items():
            if row := known.get(key):
                # Who removed it and imports it again wants it back.
                restored = spend_restore(by=by, spend=row)
                written.imported += restored
                written.duplicates += not restored
                continue
            item = items[place][1]
            try:
                spend_record(by=by, now=now, **{**item._asdict(), "branch": branch}, key=key)
            except ValidationError as error:
                written.rejected[place] = " ".join(error.messages)
            else:
                written.imported += 1
        return written

    def doubts(self, items: Mapping[int, tuple[str, SpendItem]], *, by: User) -> list[Doubt]:
        named = _branches(by)
        branches = {place: named.get(item.branch.casefold()) for place, (_text, item) in items.items()}
        keys = {place: _key(key, branches[place]) for place, (key, _row) in items.items()}
        known = _known(keys.values())
        fresh = {place: item for place, (_text, item) in items.items() if keys[place] not in known}
        found = [
            doubt_new({place: item.channel for place, item in fresh.items()}, by=by),
            doubt_there(
                {place: item.likeness(branches[place]) for place, item in fresh.items()}, by=by, found=known.values()
            ),
        ]
        return [doubt for doubt in found if doubt]


def _branches(by: User) -> dict[str, Branch | None]:
    """What a cell may name a branch by. An empty one is that of the person; the whole brand's, where they have none."""
    named: dict[str, Branch | None] = {"": by.branch}
    for branch in Branch.objects.visible_to(by):
        named |= {branch.name.casefold(): branch, branch.code.casefold(): branch}
    return named


def _key(key: str, branch: Branch | None) -> str:
    """Two branches may well have spent the same on the same channel."""
    return event_key(f"spend of {branch.pk if branch else 0}", key)


def _known(keys: Iterable[str]) -> dict[str, ChannelSpend]:
    rows = ChannelSpend.objects.filter(key__among=list(keys))
    return {row.key.hex: row for row in rows if row.key}
