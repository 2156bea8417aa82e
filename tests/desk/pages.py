"""What tests of pages need: their elements."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of the script elements."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, flags=re.DOTALL)
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
