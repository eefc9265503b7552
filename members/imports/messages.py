"""The importer of messages and other events.

The text of a message is judged by the rules of its group as one from the API is; it is not kept unless the group keeps
messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from activity.models import BuiltInKind
from activity.services import EventRow
from members.conduct.judging import MAX_TEXT, IncomingMessage, messages_judge
from members.conduct.models import MessageType
from members.imports.importers import ImportField, Written, labels_of
from members.imports.values import RowError, read_instant, read_name, read_optional
from members.ingestion import IncomingEvent, ingest
from members.ingestion.reading import KIND, MAX_CHANNEL, MAX_ID, MAX_NAME, MESSAGES

SOURCE = "import:messages"


NAMES_REMEMBERED = 100_000

# Member, group, kind, instant and channel: an IncomingEvent without its key. Then the id in its source, type and text.
MessageItem = tuple[str, str, str, datetime, str, str, str, str]


def read_type(text: str) -> str:
    """The type of a message; one that nobody here knows counts as other."""
    kind = text.strip().lower()
    return kind if kind in MessageType.values else MessageType.OTHER.value


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
        ImportField("id", gettext_lazy("Id of the message"), False, ("message id", "msgid", "消息 ID", "消息编号")),
        ImportField(
            "type", gettext_lazy("Type of message"), False, ("message type", "msgtype", "消息类型", "内容类型")
        ),
        ImportField(
            "text", gettext_lazy("Text"), False, ("content", "message", "body", "内容", "消息内容", "消息", "文本")
        ),
    )

    def reader(self, zone: tzinfo) -> Callable[[Sequence[str]], MessageItem]:
        called = labels_of(self.fields)
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
            occurred_at, group, member, kind, channel, source_id, type_, text = cells
            kind = kind.strip() or "message"
            if kind != "message" and not KIND.fullmatch(kind):
                raise RowError(_('"%(kind)s" is no kind of event.') % {"kind": kind[:60]})
            return (
                name(member, called["member"]),
                name(group, called["group"]),
                kind,
                read_instant(occurred_at, called["occurred_at"], zone),
                read_optional(channel, called["channel"], MAX_CHANNEL) if channel else "",
                read_optional(source_id, called["id"], MAX_ID) if source_id else "",
                read_type(type_) if type_ else "",
                text.replace("\x00", "")[:MAX_TEXT],
            )

        return read

    def identity(self, item: MessageItem) -> str:
        member, group, kind, at, channel, source_id, *_content = item
        return f"id\n{group}\n{source_id}" if source_id else f"{at.isoformat()}\n{group}\n{member}\n{kind}\n{channel}"

    def write(self, items: Sequence[tuple[str, MessageItem]], *, by: User | None, now: datetime) -> Written:
        texts = {
            key: IncomingMessage(key, item[0], item[1], item[3], item[6] or MessageType.TEXT.value, item[7])
            for key, item in items
            if item[2] == BuiltInKind.MESSAGE and (item[6] or item[7])
        }

        def judge(rows: Sequence[EventRow]) -> None:
            messages_judge(rows=rows, texts=texts, now=now)

        outcome = ingest(
            events=[IncomingEvent(key, *item[:5]) for key, item in items],
            source=SOURCE,
            by=by,
            create_missing=True,
            now=now,
            follow=judge if texts else None,
            texts={key: message.text for key, message in texts.items()},
        )
        return Written(
            outcome.accepted,
            outcome.duplicates,
            {rejection.index: str(MESSAGES[rejection.code]) for rejection in outcome.rejected},
        )
