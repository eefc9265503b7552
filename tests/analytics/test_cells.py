from __future__ import annotations

import pytest

from analytics.pages.parts import Cell
from analytics.templatetags.reports import rows_of_cells

pytestmark = pytest.mark.once


def test_what_people_typed_cannot_become_a_part_of_the_page():
    typed = "<b>\"&'"
    html = rows_of_cells([[Cell(typed, typed, css=typed), Cell(1, typed, f"/x/?a={typed}", typed, typed)]])
    safe = "&lt;b&gt;&quot;&amp;&#x27;"
    assert typed not in html
    assert html == (
        f'<tr><th scope="row" class="{safe}">{safe}</th>'
        f'<td class="{safe}" title="{safe}"><a href="/x/?a={safe}">{safe}</a></td></tr>'
    )


def test_a_cell_says_only_what_it_has_and_names_are_left_alone_by_translators():
    html = rows_of_cells(
        [[Cell(None, "Lin", css="", name=True), Cell(None, "–", css="")], [Cell(1, "1"), Cell(2, "2")]]
    )
    assert html == (
        '<tr><th scope="row" translate="no">Lin</th><td>–</td></tr>'
        '<tr><th scope="row" class="num">1</th><td class="num">2</td></tr>'
    )
