"""Links, also those that are written so that no machine should see them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import re2

from groups.rules.detection.folding import Folded
from groups.rules.detection.values import AnyRule, Hit, MessageType

# Endings that are no words by themselves: enough to tell a link even when the dots are hidden.
STRONG = [
    "com",
    "cn",
    "net",
    "org",
    "top",
    "xyz",
    "vip",
    "shop",
    "cc",
    "club",
    "site",
    "online",
    "store",
    "icu",
    "tech",
    "ltd",
    "mobi",
    "biz",
    "info",
    "wang",
    "app",
]
# Endings that are words too. They need a sign of a link beside them: http, www or a path.
WEAK = [
    "me",
    "co",
    "io",
    "tv",
    "us",
    "hk",
    "tw",
    "jp",
    "uk",
    "ru",
    "so",
    "ly",
    "fun",
    "work",
    "live",
    "red",
    "link",
    "click",
    "group",
    "pro",
    "win",
    "gg",
    "tk",
    "ml",
    "la",
    "im",
    "to",
    "in",
]
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOT = r"(?:\s{0,3}(?:[.。·•]|[\[({<【「]\s?(?:点|dot|[.。])\s?[\])}>】」]|点|\bdot\b)\s{0,3})"
DOMAIN = re2.compile(
    rf"(https?\s{{0,3}}[:;]\s{{0,3}}/{{1,3}}\s{{0,3}})?\b((?:{LABEL}{DOT}){{1,5}})({'|'.join(STRONG + WEAK)})\b(/?)"
)
ADDRESS = re2.compile(r"https?://([^\s/:?#\p{Han}，。]+)")
DOTS = re2.compile(DOT)
SIGNS = r"[¥$€£₤₴₳¢₰₵《》(){}/]"
PASSPHRASE = re2.compile(
    rf"{SIGNS}\s?([a-z0-9]{{10,12}})\s?{SIGNS}"
    r"|复制(?:(?:这|此|本|整|我)[^\n]{0,20})?打开(?:手机)?(?:淘宝|天猫|抖音|拼多多|京东|快手|支付宝)"
)


class LinkMatcher:
    def __init__(self, rules: Iterable[AnyRule]) -> None:
        self._rules = [
            (
                rule.code,
                [domain.casefold().strip(". ") for domain in rule.params.get("allow", ())],
                bool(rule.params.get("mini_programs")),
                bool(rule.params.get("passphrases", True)),
            )
            for rule in rules
        ]

    def check(self, folded: Folded, kind: str) -> list[Hit]:
        if not self._rules:
            return []
        found = domains_in(folded.plain)
        phrases: list[tuple[int, int]] = []
        if not found and _SIGN.search(folded.plain):
            phrases = [match.span() for match in PASSPHRASE.finditer(folded.plain) if _is_phrase(match)]
        hits: list[Hit] = []
        for code, allowed, mini_programs, passphrases in self._rules:
            for start, end, domain in found:
                if not any(domain == name or domain.endswith(f".{name}") for name in allowed):
                    hits.append(Hit(code, *folded.original(start, end), domain))
            if passphrases:
                hits += [Hit(code, *folded.original(start, end), "passphrase") for start, end in phrases]
            if kind == MessageType.LINK and not found:
                # A shared page whose address did not come along: nobody can say that it is allowed.
                hits.append(Hit(code, 0, len(folded.text), "link"))
            if kind == MessageType.MINI_PROGRAM and mini_programs:
                hits.append(Hit(code, 0, len(folded.text), "mini_program"))
        return hits


# What is cheap to look for, and without which there is nothing to find.
_LATIN = re.compile("[a-z]")
_SIGN = re.compile(f"{SIGNS}|打开")


def domains_in(plain: str) -> list[tuple[int, int, str]]:
    """Where links stand in folded text, and their domains as they are meant."""
    found: list[tuple[int, int, str]] = []
    if not _LATIN.search(plain):
        return found
    for match in DOMAIN.finditer(plain):
        labels, ending = match.group(2), match.group(3)
        names = [name for name in DOTS.split(labels) if name]
        # The part after the @ of an e-mail address is no link.
        if not names or plain[: match.start(2)].endswith("@"):
            continue
        plainly = labels == "".join(f"{name}." for name in names)
        marked = bool(match.group(1) or match.group(4)) or names[0] == "www"
        lettered = any(char.isalpha() for char in names[-1])
        if marked or (
            ending in STRONG
            and (lettered or ending in {"com", "cn", "net"})
            and (plainly or _hidden(labels, names, ending))
        ):
            found.append((match.start(), match.end(3), ".".join([*names, ending])))
    for match in ADDRESS.finditer(plain):
        if not any(start <= match.start() < end for start, end, _ in found):
            found.append((match.start(), match.end(1), match.group(1)))
    return found


def _hidden(labels: str, names: list[str], ending: str) -> bool:
    """Whether a domain without plain dots is one: "www . shop . com", "shop点com"; not "8点", not "见面。Top"."""
    lettered = any(char.isalpha() for char in "".join(names))
    return (lettered or ending == "com") and (ending in {"com", "cn", "net"} or "。" not in labels)


def _is_phrase(match: re2._Match) -> bool:
    token = match.group(1)
    return token is None or (any(char.isdigit() for char in token) and any(char.isalpha() for char in token))
