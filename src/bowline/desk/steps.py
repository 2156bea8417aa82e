"""The steps and minimum of an instrument as a person says them, over what is known of it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from bowline.core.errors import BadInput
from bowline.core.model.instrument import Instrument

#: an exponent beyond these is no step of anything
_DIGITS = 18


class Steps(msgspec.Struct, frozen=True):
    """What the person says of the instrument; None leaves what is known."""

    tick_size: Decimal | None = None
    lot_step: Decimal | None = None
    min_notional: Decimal | None = None
    contract_size: Decimal | None = None

    def over(self, known: Instrument) -> Instrument:
        """`known` with what was said; BadInput if a step is none."""
        said = {
            name: step for name, step in msgspec.structs.asdict(self).items() if step is not None
        }
        try:
            return msgspec.structs.replace(known, **said)
        except ValueError as error:
            raise BadInput(str(error)) from error


def parse_step(option: str, text: str, *, above_zero: bool = False) -> Decimal | None:
    """The number of an option, None if it is empty; BadInput if it is no number, or too small."""
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    sound = value.is_finite() and value >= 0 and abs(value.adjusted()) <= _DIGITS
    if not sound or (above_zero and not value):
        least = "more than 0" if above_zero else "0 or more"
        raise BadInput(f"{option} is {text!r}", hint=f"Expected a number of {least}.")
    return value
