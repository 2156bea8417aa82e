"""What all HTML pages share: the frame and its policy, style sheet, table and chart functions."""

from __future__ import annotations

from bowline.desk.page.document import assemble, definitions, sign, write_page
from bowline.desk.page.packing import column, pack

__all__ = ["assemble", "column", "definitions", "pack", "sign", "write_page"]
