"""Serves chosen files of npm packages as static files, and a sprite of the icons that pages use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.utils import matches_patterns
from django.core.checks import CheckMessage, Error
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, Storage

from community_ops.lib.icons import ICONS

SPRITE = "vendor/icons.svg"
STROKE = 'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'


SOURCE_MAP = re.compile(rb"\s*(/\*|//)# sourceMappingURL=[^\s*]+(\s*\*/)?\s*$")


class MappedStorage(FileSystemStorage):
    """Files under one folder, each known by a name that differs from its path there.

    They open without their pointer to a source map: the map is not served, and the collected name would not be found.
    """

    def __init__(self, location: Path, paths: dict[str, str]) -> None:
        super().__init__(location=str(location))
        self.paths = paths

    def path(self, name: str) -> str:
        return super().path(self.paths[name.replace("\\", "/")])

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        return ContentFile(SOURCE_MAP.sub(b"\n", Path(self.path(name)).read_bytes()), name=name)


class NodeFinder(BaseFinder):
    """Finds exactly the files listed in `settings.NODE_STATIC` ({name under static/: path in node_modules}) and the
    icon sprite.

    Explicit names, because packages carry sources, maps and variants that no page loads.
    """

    def __init__(self, app_names: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = Path(settings.NODE_MODULES)
        self.files: dict[str, str] = dict(settings.NODE_STATIC)
        self.storage = MappedStorage(self.modules, self.files)

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        missing = [source for source in self.files.values() if not (self.modules / source).is_file()]
        if not missing or not self.modules.is_dir():
            return []
        return [Error(f"NODE_STATIC names files that are not installed: {', '.join(missing)}", id="community_ops.E001")]

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        name = path.replace("\\", "/")
        found = None
        if name == SPRITE:
            found = str(self._sprite())
        elif name in self.files and (self.modules / self.files[name]).is_file():
            found = str(self.modules / self.files[name])
        if find_all:
            return [found] if found else []
        return found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        patterns = list(ignore_patterns or [])
        for name in self.files:
            if not matches_patterns(name, patterns):
                yield name, self.storage
        sprite = self._sprite()
        yield SPRITE, MappedStorage(sprite.parent, {SPRITE: sprite.name})

    def _sprite(self) -> Path:
        target = Path(settings.DATA_DIR) / "build" / "icons.svg"
        text = build_sprite(self.modules / "@tabler" / "icons" / "icons" / "outline", ICONS)
        if not target.is_file() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
        return target


def build_sprite(folder: Path, names: Iterable[str]) -> str:
    """One SVG with a `<symbol id=NAME>` for each icon. Raises `FileNotFoundError` for a name the set does not have."""
    symbols = []
    for name in sorted(names):
        svg = (folder / f"{name}.svg").read_text("utf-8")
        body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
        body = re.sub(r'\s*<path stroke="none" d="M0 0h24v24H0z" fill="none" ?/>', "", body)
        body = "".join(line.strip() for line in body.splitlines())
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24" {STROKE}>{body}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
