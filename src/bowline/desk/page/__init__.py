"""What every page we write shares: the frame with its policy, the look, the table, the pens."""

from __future__ import annotations

from bowline.desk.page.document import assemble, definitions, sign, write_page
from bowline.desk.page.packing import column, pack

__all__ = ["assemble", "column", "definitions", "pack", "sign", "write_page"]
