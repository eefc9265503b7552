"""The importer of pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from campaigns.content.forms import names_in
from campaigns.content.models import Level, Piece, PieceKind
from campaigns.content.services import piece_create, plain
from delivery.models import Value
from members.imports.importers import ImportField, Written, labels_of
from members.imports.values import RowError, read_name, read_optional

VALUE_WORDS: dict[str, str] = {
    "information": Value.INFORMATION, "info": Value.INFORMATION, "news": Value.INFORMATION,
    "信息": Value.INFORMATION, "资讯": Value.INFORMATION, "通知": Value.INFORMATION, "信息价值": Value.INFORMATION,
    "benefit": Value.BENEFIT, "benefits": Value.BENEFIT, "offer": Value.BENEFIT, "welfare": Value.BENEFIT,
    "福利": Value.BENEFIT, "优惠": Value.BENEFIT, "福利价值": Value.BENEFIT,
    "opinion": Value.OPINION, "view": Value.OPINION, "观点": Value.OPINION, "看法": Value.OPINION,
    "观点价值": Value.OPINION,
    "learning": Value.LEARNING, "study": Value.LEARNING, "knowledge": Value.LEARNING,
    "学习": Value.LEARNING, "知识": Value.LEARNING, "学习价值": Value.LEARNING,
    "link": Value.LINK, "connection": Value.LINK, "链接": Value.LINK, "连接": Value.LINK, "社交": Value.LINK,
    "链接价值": Value.LINK,
}  # fmt: skip
LEVEL_WORDS: dict[str, str] = {
    "easy": Level.EASY, "simple": Level.EASY, "light": Level.EASY, "轻松": Level.EASY, "简单": Level.EASY,
    "容易": Level.EASY, "轻松题": Level.EASY,
    "deep": Level.DEEP, "high quality": Level.DEEP, "high": Level.DEEP, "hard": Level.DEEP, "高质量": Level.DEEP,
    "深度": Level.DEEP, "高质量题": Level.DEEP,
}  # fmt: skip
KIND_WORDS: dict[str, str] = {
    "article": PieceKind.ARTICLE, "text": PieceKind.ARTICLE, "post": PieceKind.ARTICLE, "图文": PieceKind.ARTICLE,
    "文章": PieceKind.ARTICLE, "文本": PieceKind.ARTICLE, "内容": PieceKind.ARTICLE,
    "question": PieceKind.QUESTION, "问题": PieceKind.QUESTION, "提问": PieceKind.QUESTION, "题": PieceKind.QUESTION,
    "题目": PieceKind.QUESTION,
}  # fmt: skip
TITLE_FROM_TEXT = 30


class PieceItem(NamedTuple):
    kind: str
    title: str
    text: str
    value: str
    level: str
    link: str
    link_title: str
    tags: tuple[str, ...]


class PiecesImporter:
    name = "pieces"
    label = gettext_lazy("Content")
    fields = (
        ImportField("text", gettext_lazy("Text"), True, ("content", "body", "正文", "内容", "文案", "问题")),
        ImportField(
            "value", pgettext_lazy("content", "Value"), True, ("type of value", "价值", "价值类型", "分类", "类别")
        ),
        ImportField("title", gettext_lazy("Title"), False, ("headline", "subject", "标题", "题目", "主题")),
        ImportField("kind", gettext_lazy("Kind"), False, ("type", "类型", "形式")),
        ImportField("level", gettext_lazy("Level"), False, ("difficulty", "难度", "级别", "等级")),
        ImportField("link", gettext_lazy("Link"), False, ("url", "address", "链接", "链接地址", "网址")),
        ImportField(
            "link_title", gettext_lazy("Words of the link"), False, ("link text", "链接文字", "链接标题", "按钮文字")
        ),
        ImportField("tags", gettext_lazy("Tags"), False, ("tag", "labels", "标签")),
    )

    def reader(self, zone: tzinfo) -> Callable[[Sequence[str]], PieceItem]:
        called = labels_of(self.fields)

        def read(cells: Sequence[str]) -> PieceItem:
            text, value, title, kind, level, link, link_title, tags = cells
            text = plain(read_name(text, called["text"], 5000))
            known_level = _word(level, called["level"], LEVEL_WORDS)
            known_kind = _word(kind, called["kind"], KIND_WORDS) or (
                PieceKind.QUESTION if known_level else PieceKind.ARTICLE
            )
            if known_kind == PieceKind.QUESTION and not known_level:
                raise RowError(_("A question needs its level: easy or high quality."))
            found = _word(value, called["value"], VALUE_WORDS)
            if not found:
                raise RowError(_("The value is missing: information, benefit, opinion, learning or link."))
            return PieceItem(
                known_kind,
                read_optional(title, called["title"], 200) or _first_words(text),
                text,
                found,
                known_level if known_kind == PieceKind.QUESTION else "",
                read_optional(link, called["link"], 500),
                read_optional(link_title, called["link_title"], 100),
                tuple(dict.fromkeys(names_in(tags))),
            )

        return read

    def identity(self, item: PieceItem) -> str:
        # Tags, value and level are how staff sort it: the same words again are the same piece.
        return "\n".join((item.kind, item.title, item.text, item.link))

    def write(self, items: Sequence[tuple[str, PieceItem]], *, by: User | None, now: datetime) -> Written:
        written = Written()
        branch = by.branch if by is not None else None
        # What a branch imports is its own, so the same file of another branch is not known yet.
        keys = [hashlib.sha256(f"{branch.pk if branch else ''}\n{key}".encode()).hexdigest() for key, _item in items]
        known = set(Piece.objects.filter(import_key__in=keys).values_list("import_key", flat=True))
        for place, (key, (_key, item)) in enumerate(zip(keys, items, strict=True)):
            if key in known:
                written.duplicates += 1
                continue
            try:
                with transaction.atomic():
                    piece_create(by=by, now=now, branch=branch, import_key=key, **item._asdict())
            except IntegrityError:
                # Another run of the same file was quicker.
                written.duplicates += 1
                continue
            except ValidationError as error:
                written.rejected[place] = " ".join(error.messages)
                continue
            known.add(key)
            written.imported += 1
        return written


def _word(cell: str, name: str, words: Mapping[str, str]) -> str:
    """What a cell means; empty for an empty one. Raises RowError for a word that nobody knows."""
    asked = " ".join(cell.replace("_", " ").replace("-", " ").split()).casefold()
    if not asked:
        return ""
    if asked in words:
        return words[asked]
    offered = ", ".join(dict.fromkeys(_shown(words)))
    raise RowError(
        _('%(field)s "%(word)s" is not known. Known are, among others: %(known)s.')
        % {"word": cell.strip()[:60], "field": name, "known": offered}
    )


def _shown(words: Mapping[str, str]) -> list[str]:
    """One English and one Chinese word for each meaning."""
    first: dict[tuple[str, bool], str] = {}
    for word, meaning in words.items():
        first.setdefault((meaning, word.isascii()), word)
    return list(first.values())


def _first_words(text: str) -> str:
    line = text.split("\n", 1)[0]
    return line if len(line) <= TITLE_FROM_TEXT else f"{line[: TITLE_FROM_TEXT - 1]}…"
