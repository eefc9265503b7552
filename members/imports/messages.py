"""The importer of messages and other events. The text of a message is not kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from members.imports.importers import ImportField, Written
from members.imports.values import RowError, read_instant, read_name, read_optional
from members.ingestion import IncomingEvent, ingest
from members.ingestion.reading import KIND, MAX_CHANNEL, MAX_NAME, MESSAGES

SOURCE = "import:messages"


NAMES_REMEMBERED = 100_000

# Member, group, kind, instant and channel: an IncomingEvent without its key.
MessageItem = tuple[str, str, str, datetime, str]


class MessagesImporter:
    name = "messages"
    label = gettext_lazy("Messages and other events")
    fields = (
        ImportField(
            "occurred_at",
            gettext_lazy("Time"),
            True,
            ("time", "timestamp", "datetime", "date", "sent at", "created at", "时间", "发送时间", "消息时间", "日期"),
        ),
        ImportField(
            "group",
            gettext_lazy("Group"),
            True,
            ("group id", "group name", "chat", "room", "群", "群名", "群名称", "群聊", "群聊名称", "群 ID", "社群"),
        ),
        ImportField(
            "member",
            gettext_lazy("Member"),
            True,
            (
                "member id",
                "user",
                "user id",
                "sender",
                "author",
                "from",
                "成员",
                "成员 ID",
                "用户",
                "用户 ID",
                "发送人",
                "发送者",
                "发言人",
                "昵称",
            ),
        ),
        ImportField("kind", gettext_lazy("Kind of event"), False, ("event", "event type", "事件", "事件类型")),
        ImportField("channel", gettext_lazy("Channel"), False, ("channel code", "渠道", "渠道码", "来源渠道")),
    )

    def reader(self, zone: tzinfo) -> Callable[[Sequence[str]], MessageItem]:
        clean: dict[str, str] = {}

        def name(text: str, field: str) -> str:
            # Few people write most messages.
            found = clean.get(text)
            if found is None:
                found = read_name(text, field, MAX_NAME)
                if len(clean) >= NAMES_REMEMBERED:
                    clean.clear()
                clean[text] = found
            return found

        def read(cells: Sequence[str]) -> MessageItem:
            occurred_at, group, member, kind, channel = cells
            kind = kind.strip() or "message"
            if kind != "message" and not KIND.fullmatch(kind):
                raise RowError(_('"%(kind)s" is no kind of event.') % {"kind": kind[:60]})
            return (
                name(member, "member"),
                name(group, "group"),
                kind,
                read_instant(occurred_at, "occurred_at", zone),
                read_optional(channel, "channel", MAX_CHANNEL) if channel else "",
            )

        return read

    def identity(self, item: MessageItem) -> str:
        member, group, kind, at, channel = item
        return f"{at.isoformat()}\n{group}\n{member}\n{kind}\n{channel}"

    def write(self, items: Sequence[tuple[str, MessageItem]], *, by: User | None, now: datetime) -> Written:
        outcome = ingest(
            events=[IncomingEvent(key, *item) for key, item in items],
            source=SOURCE,
            by=by,
            create_missing=True,
            now=now,
        )
        return Written(
            outcome.accepted,
            outcome.duplicates,
            {rejection.index: str(MESSAGES[rejection.code]) for rejection in outcome.rejected},
        )
