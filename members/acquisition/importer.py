"""The importer of what was spent on channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Branch, User
from activity.services import event_key
from members.acquisition.models import ChannelSpend
from members.acquisition.services import spend_record, spend_restore
from members.imports.importers import ImportField, Written, labels_of
from members.imports.values import read_amount, read_currency, read_day, read_name, read_optional
from members.ingestion.reading import MAX_CHANNEL


class SpendItem(NamedTuple):
    channel: str
    first_day: date
    last_day: date
    amount: Decimal
    currency: str
    note: str
    branch: str


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

        def read(cells: Sequence[str]) -> SpendItem:
            channel, first, last, amount, currency, note, branch = cells
            currency = read_currency(currency)
            first_day = read_day(first, called["first_day"], zone)
            return SpendItem(
                read_name(channel, called["channel"], MAX_CHANNEL),
                first_day,
                read_day(last, called["last_day"], zone) if last.strip() else first_day,
                read_amount(amount, called["amount"], currency),
                currency,
                read_optional(note, called["note"], 200),
                read_optional(branch, called["branch"], 120),
            )

        return read

    def identity(self, item: SpendItem) -> str:
        return "\n".join(str(part) for part in item)

    def write(self, items: Sequence[tuple[str, SpendItem]], *, by: User | None, now: datetime) -> Written:
        assert by is not None
        branches = {
            name: branch
            for branch in Branch.objects.visible_to(by)
            for name in (branch.name.casefold(), branch.code.casefold())
        }
        written = Written()
        keys: dict[int, tuple[str, Branch | None]] = {}
        for place, (key, item) in enumerate(items):
            branch = branches.get(item.branch.casefold()) if item.branch else by.branch
            if item.branch and branch is None:
                written.rejected[place] = _('There is no branch "%(name)s".') % {"name": item.branch[:60]}
            else:
                # Two branches may well have spent the same on the same channel.
                keys[place] = event_key(f"spend of {branch.pk if branch else 0}", key), branch
        rows = ChannelSpend.objects.filter(key__among=[key for key, _branch in keys.values()])
        known = {row.key.hex: row for row in rows if row.key}
        for place, (key, branch) in keys.items():
            if row := known.get(key):
                # Who removed it and imports it again wants it back.
                restored = spend_restore(by=by, spend=row)
                written.imported += restored
                written.duplicates += not restored
                continue
            item = items[place][1]
            try:
                spend_record(
                    by=by,
                    now=now,
                    channel=item.channel,
                    first_day=item.first_day,
                    last_day=item.last_day,
                    amount=item.amount,
                    currency=item.currency,
                    note=item.note,
                    branch=branch,
                    key=key,
                )
            except ValidationError as error:
                written.rejected[place] = " ".join(error.messages)
            else:
                written.imported += 1
        return written
