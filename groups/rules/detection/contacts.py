"""Ways to be reached outside of the group: cards, account names, phone numbers, QR codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import re2

from groups.rules.detection.folding import Folded, fold_bare
from groups.rules.detection.values import AnyRule, Hit, MessageType

BETWEEN = r"[^a-z0-9\p{Han}\n]{0,5}"
SURE = r"微信|薇信|威信|徽信|维信|微心|v信|vx|wx|wechat|weixin|weix|企微|微x"
VAGUE = r"微|薇|威|徽|维|➕v|\+v|加v|加我|➕我|\+我|\bv"
ACCOUNT = re2.compile(
    # 微信abc_123, VX: abc123
    rf"(?:(?:{SURE})(?:号码|账号|号|id|我)?(?:是|为)?{BETWEEN}|(?:{VAGUE}){BETWEEN})"
    r"([a-z][a-z0-9_-]*[0-9_][a-z0-9_-]*)"
    # 微信号：xiaoming
    rf"|(?:{SURE})(?:(?:号码|账号|号|id)(?:是|为)?{BETWEEN}|\s?[:=]\s?)([a-z][a-z_-]{{5,19}})\b"
    rf"|(?:qq|扣扣|企鹅|球球|q)(?:群)?(?:号)?(?:是|为)?{BETWEEN}([1-9]\d{{5,10}})\b"
    r"|\b(wxid_[a-z0-9]{6,20})\b"
    rf"|(?:微信|薇信|vx|wx|\bv)(?:和手机)?(同号|同步)"
)
SHORTEST, LONGEST = 6, 20
SPOKEN = ("〇零○", "一幺壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
CHINESE_DIGITS = str.maketrans({char: str(digit) for digit, chars in enumerate(SPOKEN) for char in chars})
JOINT = r"[\s\-._·*~—/]{0,2}"
PHONE = re2.compile(rf"1{JOINT}[3-9](?:{JOINT}\d){{9}}")
QR = re2.compile(
    r"(?:扫|识别|长按|保存)[^\n，。]{0,8}码[^\n]{0,8}(?:加我|加好友|加群|加微|进群|入群|拉你|拉群|添加|领取|领红包|关注)"
    r"|扫(?:码|一扫|我头像)(?:加|进|入群|领)|(?:加|进群|入群|拉群)[^\n，。]{0,4}扫(?:码|二维码|一扫|我)"
    r"|(?:我的|个人|群|微信|下方|上方|这个)二维码[^\n]{0,4}(?:加|扫|进|$)|扫我(?:的)?(?:二维)?码"
)
QR_PICTURE = re2.compile(r"二维码|\bqr\b|qr[ _-]?code|群码")


class ContactMatcher:
    def __init__(self, rules: Iterable[AnyRule]) -> None:
        self._rules = [
            (
                rule.code,
                {name for name in ("cards", "accounts", "phones", "qr") if rule.params.get(name, True)},
                {fold_bare(name) for name in rule.params.get("allow", ())},
            )
            for rule in rules
        ]

    def check(self, folded: Folded, kind: str) -> list[Hit]:
        if not self._rules:
            return []
        if kind == MessageType.CARD:
            found = [("cards", 0, 0, fold_bare(folded.text))]
        else:
            found = list(_found(folded.plain, kind))
        details = {"cards": "card", "accounts": "account", "phones": "phone", "qr": "qr"}
        hits: list[Hit] = []
        for code, wanted, allowed in self._rules:
            for name, start, end, said in found:
                if name in wanted and said not in allowed:
                    place = folded.original(start, end) if end > start else (0, len(folded.text))
                    hits.append(Hit(code, *place, details[name]))
        return hits


def _found(plain: str, kind: str) -> Iterator[tuple[str, int, int, str]]:
    """The kind of contact, where it stands, and what it says in bare letters."""
    if _NAMED.search(plain):
        for match in ACCOUNT.finditer(plain):
            name = next((group for group in match.groups() if group), "")
            if match.group(1) is None or SHORTEST <= len(name) <= LONGEST:
                yield "accounts", match.start(), match.end(), fold_bare(name)
    numbers = plain.translate(CHINESE_DIGITS)
    if _NUMBERS.search(numbers):
        for match in PHONE.finditer(numbers):
            if not _goes_on(numbers, match.start(), match.end()):
                yield "phones", match.start(), match.end(), fold_bare(match.group())
    if kind == MessageType.IMAGE and QR_PICTURE.search(plain):
        yield "qr", 0, 0, ""
    elif "扫" in plain or "码" in plain:
        for match in QR.finditer(plain):
            yield "qr", match.start(), match.end(), ""


# What is cheap to look for, and without which there is nothing to find.
_NAMED = re.compile("[a-z0-9]|同")
_NUMBERS = re.compile(r"1.{0,2}[3-9](?:.{0,2}\d){9}", re.DOTALL)


def _goes_on(numbers: str, start: int, end: int) -> bool:
    """Whether the digits are part of a longer number: of an order, or in groups of four, of a bank card."""
    before, after = numbers[:start], numbers[end:]
    if not numbers[start:end].isdigit():
        before, after = before.rstrip(" -"), after.lstrip(" -")
    return before[-1:].isdigit() or after[:1].isdigit()
