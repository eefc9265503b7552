"""Message catalogues: extracting strings, keeping translations, checking and compiling, without GNU gettext.

One catalogue for each app and language, `<app>/locale/<locale>/LC_MESSAGES/django.po`. An app owns the strings of its
Python files and of `templates/{console,member}/<app>/`; all other templates belong to the fallback app.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.template.base import Lexer, Token, TokenType
from django.utils.translation import trim_whitespace

LOCALES = ("zh_Hans",)

# Function name -> the arguments that hold (context, singular, plural), as Babel writes it.
KEYWORDS: dict[str, tuple[int | tuple[int, int] | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sdf]|(?<!\{)\{\w*\}(?!\})")
TEMPLATE_CONSTANT = re.compile(r"""_\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*\)""")
HEADER = """msgid ""
msgstr ""
"Language: {locale}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""

MessageId: TypeAlias = str | tuple[str, str]
Key: TypeAlias = tuple[str, str | None]
"""What a catalogue knows a message by: its (singular) text and its context."""


@dataclass
class Found:
    """A string of the sources: its id (singular and plural, if it has one), its context and the files that hold it."""

    id: MessageId
    context: str | None
    files: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return (self.id if isinstance(self.id, str) else self.id[0]), self.context


def catalogue_path(base: Path, app: str, locale: str) -> Path:
    return base / app / "locale" / locale / "LC_MESSAGES" / "django.po"


# --- Extracting ---


def extract(base: Path, apps: Sequence[str], fallback: str) -> dict[str, dict[Key, Found]]:
    """All translatable strings under `base`, by the app that owns them; `fallback` is one of `apps`.

    Raises `ValueError` naming the file when a template cannot be read.
    """
    owned: dict[str, dict[Key, Found]] = {app: {} for app in apps}
    for app in apps:
        for path in sorted((base / app).rglob("*.py")):
            if "migrations" not in path.parts:
                _add(owned[app], path.relative_to(base), python_messages(path.read_bytes()))
    for path in sorted((base / "templates").rglob("*.*")):
        if path.suffix not in {".html", ".txt", ".xml"}:
            continue
        relative = path.relative_to(base)
        app = relative.parts[2] if len(relative.parts) > 3 and relative.parts[1] in {"console", "member"} else fallback
        try:
            found = list(template_messages(path.read_text("utf-8")))
        except ValueError as error:
            raise ValueError(f"{relative}: {error}") from error
        _add(owned[app if app in owned else fallback], relative, found)
    return owned


def _add(owned: dict[Key, Found], path: Path, messages: Iterable[Found]) -> None:
    for message in messages:
        known = owned.setdefault(message.key, message)
        if isinstance(known.id, str):
            known.id = message.id
        known.files.add(path.as_posix())
        known.comments += [comment for comment in message.comments if comment not in known.comments]


def python_messages(source: bytes) -> Iterator[Found]:
    """Strings in calls of gettext and its kin in Python source."""
    calls: Iterable[Any] = extract_python(io.BytesIO(source), KEYWORDS, ["Translators:"], {})
    for _line, function, arguments, comments in calls:
        values: list[str | None] = [arguments] if isinstance(arguments, str) else list(arguments or ())
        context = values.pop(0) if function.startswith(("p", "np")) and values else None
        texts = [text for text in values[: 2 if function.startswith("n") else 1] if text]
        if len(texts) == (2 if function.startswith("n") else 1):  # else built at run time: not a literal
            yield Found(texts[0] if len(texts) == 1 else (texts[0], texts[1]), context, comments=list(comments))


def template_messages(source: str) -> Iterator[Found]:
    """Strings of `translate`, `blocktranslate` and `_("...")` in a Django template.

    Percent signs come out doubled, as the template engine looks them up.
    """
    tokens = iter(Lexer(source).tokenize())
    for token in tokens:
        if token.token_type == TokenType.VAR:
            yield from _constants(token.contents)
        elif token.token_type == TokenType.BLOCK:
            bits = token.split_contents()
            if bits[0] == "comment":
                _skip_to(tokens, "endcomment")
            elif bits[0] in {"trans", "translate"} and len(bits) > 1:
                text = _literal(bits[1].split("|")[0] if bits[1][0] not in "\"'" else _quoted_head(bits[1]))
                if text:
                    yield Found(text.replace("%", "%%"), _context(bits))
                for bit in bits[2:]:
                    yield from _constants(bit)
            elif bits[0] in {"blocktrans", "blocktranslate"}:
                yield from _constants(token.contents)
                yield _block(tokens, bits)
            else:
                yield from _constants(token.contents)


def _quoted_head(bit: str) -> str:
    end = bit.find(bit[0], 1)
    while end > 0 and bit[end - 1] == "\\":
        end = bit.find(bit[0], end + 1)
    return bit[: end + 1]


def _literal(text: str) -> str | None:
    """The text between quotes, or None for what is no literal."""
    if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
        return None
    return text[1:-1].replace(f"\\{text[0]}", text[0]).replace("\\\\", "\\")


def _context(bits: list[str]) -> str | None:
    return _literal(bits[bits.index("context") + 1]) if "context" in bits[:-1] else None


def _constants(contents: str) -> Iterator[Found]:
    for match in TEMPLATE_CONSTANT.finditer(contents):
        text = _literal(match[1])
        if text:
            yield Found(text.replace("%", "%%"), None)


def _skip_to(tokens: Iterator[Token], end: str) -> None:
    for token in tokens:
        if token.token_type == TokenType.BLOCK and token.contents == end:
            return


def _block(tokens: Iterator[Token], bits: list[str]) -> Found:
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.TEXT:
            parts[-1].append(token.contents.replace("%", "%%"))
        elif token.token_type == TokenType.VAR:
            parts[-1].append(f"%({token.contents})s")
        elif token.token_type == TokenType.BLOCK:
            if token.contents.strip() == "plural":
                parts.append([])
            elif token.contents.strip() == f"end{bits[0]}":
                break
            else:
                raise ValueError(f"{bits[0]} holds another tag: {token.contents}")
    else:
        raise ValueError(f"{bits[0]} without end{bits[0]}")
    texts = ["".join(part) for part in parts]
    if "trimmed" in bits:
        texts = [trim_whitespace(text) for text in texts]
    return Found(texts[0] if len(texts) == 1 else (texts[0], texts[1]), _context(bits))


# --- Catalogues ---


def read_catalogue(path: Path, locale: str) -> Catalog:
    """The catalogue at `path`, or an empty one. Raises `ValueError` naming the file when it is damaged."""
    if not path.is_file():
        return Catalog(locale=locale)
    try:
        with path.open("rb") as file:
            return read_po(file, locale=locale, abort_invalid=True)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def merge(found: Mapping[Key, Found], old: Catalog, others: Sequence[Catalog], locale: str) -> Catalog:
    """The strings of the sources with the translations of the `old` catalogue.

    A string that moved here from another app brings its translation from `others`.
    """
    merged = Catalog(locale=locale)
    for message in found.values():
        known = _lookup(old, message)
        if known is None or not known.string:
            known = next((hit for other in others if (hit := _lookup(other, message)) and hit.string), known)
        strings = _strings(known) if known else [""]
        strings += [""] * (merged.num_plurals - len(strings))
        merged.add(
            message.id,
            strings[0] if isinstance(message.id, str) else tuple(strings),
            locations=[(name, 0) for name in sorted(message.files)],
            auto_comments=message.comments,
            user_comments=known.user_comments if known else (),
            flags={"fuzzy"} if known and known.fuzzy else (),
            context=message.context,
        )
    return merged


def _lookup(catalogue: Catalog, message: Found) -> Message | None:
    return catalogue.get(message.key[0], message.context)


def _strings(message: Message) -> list[str]:
    """The translations: one, or one for each plural form."""
    string = message.string or ""
    return [string] if isinstance(string, str) else [form or "" for form in string]


def _key(message: Message) -> Key:
    return (message.id if isinstance(message.id, str) else message.id[0]), message.context


def render(catalogue: Catalog, locale: str) -> str:
    """The catalogue as text: sorted, without dates and line numbers, so that only what changed differs."""
    buffer = io.BytesIO()
    write_po(
        buffer, catalogue, width=110, sort_output=True, omit_header=True, ignore_obsolete=True, include_lineno=False
    )
    header = HEADER.format(locale=locale, plural_forms=catalogue.plural_forms)
    return header + buffer.getvalue().decode("utf-8").strip() + "\n"


def update(base: Path, apps: Sequence[str], fallback: str, only: Iterable[str] = ()) -> list[Path]:
    """Bring the catalogues (of the apps in `only`, else of all) up to date with the sources; the files that changed."""
    owned = extract(base, apps, fallback)
    changed = []
    for locale in LOCALES:
        old = {app: read_catalogue(catalogue_path(base, app, locale), locale) for app in apps}
        for app in only or apps:
            path = catalogue_path(base, app, locale)
            others = [old[other] for other in apps if other != app]
            text = render(merge(owned[app], old[app], others, locale), locale)
            if not owned[app] and not path.exists():
                continue
            if not path.exists() or path.read_text("utf-8") != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                _replace(path, text.encode())
                changed.append(path)
    return changed


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(content)
    draft.replace(path)


# --- Checking ---


def check(base: Path, apps: Sequence[str], fallback: str, only: Iterable[str] = ()) -> list[str]:
    """One line for each string that is missing, stale, untranslated, fuzzy, differs in its placeholders, or that two
    catalogues translate differently (at run time one of the two would win everywhere)."""
    owned = extract(base, apps, fallback)
    problems = []
    for locale in LOCALES:
        translated: dict[Key, tuple[str, str]] = {}
        for app in apps:
            catalogue = read_catalogue(catalogue_path(base, app, locale), locale)
            known = {_key(message): message for message in catalogue if message.id}
            wanted = not only or app in only
            lines = []
            for entry, found in sorted(owned[app].items(), key=lambda pair: (pair[0][0], pair[0][1] or "")):
                message = known.get(entry)
                fault = "missing (run `manage.py messages`)" if message is None else _fault(message, found)
                if fault:
                    lines.append(f"{fault}: {entry[0]!r} in {', '.join(sorted(found.files))}")
                if message is not None and message.string and not message.fuzzy:
                    text = _strings(message)[-1]
                    first_app, first = translated.setdefault(entry, (app, text))
                    if first != text:
                        lines.append(f"translated otherwise than in {first_app} ({first!r}): {entry[0]!r}, {text!r}")
            lines += [f"stale (run `manage.py messages`): {entry[0]!r}" for entry in known.keys() - owned[app].keys()]
            if wanted:
                problems += [f"{app}: {line}" for line in lines]
    return problems


def _fault(message: Message, found: Found) -> str | None:
    strings = _strings(message)
    if isinstance(message.id, str) != isinstance(found.id, str):
        return "stale (run `manage.py messages`)"
    if not all(string.strip() for string in strings):
        return "untranslated"
    if message.fuzzy:
        return "fuzzy"
    source = found.id if isinstance(found.id, str) else found.id[1]
    wanted = placeholders(source)
    for string in strings:
        if placeholders(string) != wanted:
            return f"placeholders differ ({', '.join(sorted(wanted ^ placeholders(string))) or 'count'})"
    return None


def placeholders(text: str) -> set[str]:
    """The `%(name)s`, `%s` and `{name}` of a format string."""
    return set(PLACEHOLDER.findall(text.replace("%%", "")))


# --- Compiling ---


def compile_catalogues(base: Path, apps: Iterable[str]) -> list[Path]:
    """Write the `.mo` file beside each catalogue whose own is missing or older; the files written."""
    written = []
    for app in apps:
        for source in sorted((base / app / "locale").glob("*/LC_MESSAGES/django.po")):
            target = source.with_suffix(".mo")
            if target.is_file() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
                continue
            buffer = io.BytesIO()
            write_mo(buffer, read_catalogue(source, source.parts[-3]))
            _replace(target, buffer.getvalue())
            written.append(target)
    return written
