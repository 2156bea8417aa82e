"""Round trips by direction and by why they were left: what each kind came to, in words.

Nothing here may compute a figure: `tally` does, of each kind as of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from msgspec.structs import asdict

from bowline.core.model.intent import Reason
from bowline.core.model.position import RoundTrip
from bowline.core.model.values import Direction
from bowline.core.report import Tally, tally_by
from bowline.desk.page import sign
from bowline.desk.report.text import duration_text, money_text, number_text, signed_pct

_TITLES = ("By direction", "By exit")
GROUP_COLUMNS = ("Trips", "Won", "Profit", "Avg. return", "Avg. held")


def groups_document(trips: Sequence[RoundTrip]) -> dict[str, Any]:
    """For machines: `by_direction` and `by_exit_reason`, each kind that there was with its sums."""
    directions, reasons = _groups(trips)
    return {
        "by_direction": {each.name.lower(): asdict(found) for each, found in directions.items()},
        "by_exit_reason": {each.value: asdict(found) for each, found in reasons.items()},
    }


def groups_html(trips: Sequence[RoundTrip]) -> str:
    """For a page: the same tables."""
    if not trips:
        return "<p>There was no round trip.</p>"
    tables = []
    for title, lines in group_lines(trips):
        head = "".join(f'<th scope="col">{name}</th>' for name in GROUP_COLUMNS)
        rows = "".join(_html_row(name, found) for name, found in lines)
        tables.append(
            '<div class="scroll" tabindex="0" role="region" aria-labelledby="groups-title">'
            f'<table class="rows"><thead><tr><th class="left" scope="col">{title}</th>{head}</tr>'
            f"</thead><tbody>{rows}</tbody></table></div>"
        )
    return "".join(tables)


def _html_row(name: str, found: Tally) -> str:
    count, won, profit, *rest = (escape(cell) for cell in group_cells(found))
    more = "".join(f"<td>{cell}</td>" for cell in rest)
    tone = sign(float(found.pnl_quote))
    return (
        f'<tr><th class="left" scope="row">{escape(name)}</th><td>{count}</td><td>{won}</td>'
        f'<td class="{tone}">{profit}</td>{more}</tr>'
    )


def _groups(
    trips: Sequence[RoundTrip],
) -> tuple[dict[Direction, Tally], dict[Reason, Tally]]:
    directions = tally_by(trips, lambda trip: trip.direction)
    reasons = tally_by(trips, lambda trip: trip.reason)
    order = (Direction.LONG, Direction.SHORT)
    return (
        {each: directions[each] for each in order if each in directions},
        {each: reasons[each] for each in Reason if each in reasons},
    )


def group_lines(trips: Sequence[RoundTrip]) -> Iterator[tuple[str, list[tuple[str, Tally]]]]:
    """Each table with its title: a name and its sums a row; none without round trips."""
    if not trips:
        return
    directions, reasons = _groups(trips)
    yield _TITLES[0], [(each.name.lower(), found) for each, found in directions.items()]
    yield _TITLES[1], [(each.value.replace("_", " "), found) for each, found in reasons.items()]


def group_cells(found: Tally) -> tuple[str, ...]:
    """The cells of a row, in the order of `GROUP_COLUMNS`."""
    return (
        f"{found.count:,}",
        f"{number_text(found.win_rate_pct, 0)} %",
        money_text(found.pnl_quote),
        signed_pct(found.avg_pct),
        duration_text(found.avg_duration_ns),
    )
