"""A portfolio's report for people and machines: terminal, JSON, CSV and one self-contained page."""

from __future__ import annotations

from bowline.desk.portfolio_report.document import portfolio_json, write_portfolio_csv
from bowline.desk.portfolio_report.html import portfolio_page, write_portfolio_html
from bowline.desk.portfolio_report.terminal import print_portfolio
from bowline.desk.portfolio_report.text import PortfolioCaption

__all__ = [
    "PortfolioCaption",
    "portfolio_json",
    "portfolio_page",
    "print_portfolio",
    "write_portfolio_csv",
    "write_portfolio_html",
]
