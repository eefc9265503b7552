"""What the pages of reports show: figures, a chart, a table, and the address of the members behind each number."""

from __future__ import annotations
