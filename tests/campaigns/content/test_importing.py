"""Pieces from files: words in two languages, reasons for what is refused, nothing twice."""

from __future__ import annotations

import gzip
import io

import pytest
from django.core.management import call_command
from openpyxl import Workbook

from campaigns.content.models import Piece
from members.imports.importers import guess_mapping, importer_named
from tests.builders import NOW

pytestmark = pytest.mark.django_db

HEADER = ["标题", "正文", "价值", "类型", "难度", "标签", "链接"]
ROWS = [
    ["早安", "大家早，{group}", "信息", "", "", "晨读，打卡", ""],
    ["", "今晚读什么？回复书名就行。", "链接", "问题", "轻松", "", ""],
    ["", "什么时候该放手？", "Opinion", "", "High-Quality", "", "https://example.org/a"],
    ["早安", "大家早，{group}", "信息", "", "", "", ""],
]
BAD = [
    ["早", "", "信息", "", "", "", ""],
    ["早", "早", "好玩", "", "", "", ""],
    ["早", "早", "", "", "", "", ""],
    ["早", "早", "福利", "问题", "", "", ""],
    ["早", "早", "福利", "", "", "", "javascript:alert(1)"],
    ["早", "早 {groop}", "福利", "", "", "", ""],
]


def lines(rows):
    return "\n".join(",".join(f'"{cell}"' for cell in row) for row in [HEADER, *rows]) + "\n"


def run(path, **options):
    out = io.StringIO()
    call_command("import_content", str(path), stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["utf-8", "utf-8-sig", "gb18030", "gz", "xlsx"])
def test_files_as_people_have_them_are_read_once(tmp_path, kind):
    path = tmp_path / {"gz": "a.csv.gz", "xlsx": "a.xlsx"}.get(kind, "a.csv")
    if kind == "xlsx":
        book = Workbook()
        for row in [HEADER, *ROWS]:
            book.active.append(row)
        book.save(path)
    elif kind == "gz":
        path.write_bytes(gzip.compress(lines(ROWS).encode()))
    else:
        path.write_bytes(lines(ROWS).encode(kind))
    run(path)
    found = list(Piece.objects.order_by("pk").values_list("kind", "title", "value", "level", "link"))
    assert found == [
        ("article", "早安", "information", "", ""),
        ("question", "今晚读什么？回复书名就行。", "link", "easy", ""),
        ("question", "什么时候该放手？", "opinion", "deep", "https://example.org/a"),
        ("article", "早安", "information", "", ""),  # identical rows are separate things
    ]
    assert sorted(tag.name for tag in Piece.objects.earliest("pk").tags.all()) == ["打卡", "晨读"]
    assert "4" in run(path)
    assert Piece.objects.count() == 4


def test_rows_that_cannot_be_used_are_told_with_their_reasons(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(lines([*BAD, ROWS[0]]), encoding="utf-8")
    run(path)
    said = next(tmp_path.glob("*.rejected.csv")).read_text(encoding="utf-8-sig").replace('""', '"')
    assert Piece.objects.count() == 1
    for reason in (
        "Text is empty",
        'Value "好玩" is not known',
        "The value is missing",
        "A question needs its level",
        "begins with https://",
        "Line 1, character 3: {groop}",
    ):
        assert reason in said


def test_a_dry_run_keeps_nothing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(lines(ROWS), encoding="utf-8")
    run(path, dry_run=True)
    assert not Piece.objects.exists()


def test_columns_are_known_by_their_usual_names():
    mapping = guess_mapping(importer_named("pieces"), HEADER)
    assert mapping == {
        "title": "标题", "text": "正文", "value": "价值", "kind": "类型", "level": "难度", "tags": "标签",
        "link": "链接",
    }  # fmt: skip


def test_the_same_file_is_each_branchs_own(cast):
    importer = importer_named("pieces")
    item = importer.reader(None)(["早", "信息", "", "", "", "", "", ""])
    for by in (cast.mei, cast.out, cast.lin):
        assert importer.write([("k", item)], by=by, now=NOW).imported == 1
        assert importer.write([("k", item)], by=by, now=NOW).duplicates == 1
    assert Piece.objects.count() == 3
