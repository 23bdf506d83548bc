"""Numbers that are still of use as such: moved a little, or rounded."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from replicate.errors import TransformError, UsageError
from replicate.rows.column import Column, Kind
from replicate.transformers import base
from replicate.transformers.base import Draw, Example, Target
from replicate.transformers.columnar.lots import Bytes
from replicate.transformers.numbers.decimal_text import DIGITS, POWERS, Exact, Integers, Numbers
from replicate.transformers.numbers.number_rule import NumberRule, below


class NumberNoiseOptions(base.Options):
    """Exactly one of `percent` and `absolute` says how far a number may move."""

    percent: Decimal | None = Field(
        default=None,
        gt=0,
        le=100,
        decimal_places=4,
        description="how far a number may move, in percent of itself",
    )
    absolute: Decimal | None = Field(
        default=None, gt=0, le=10**15, description="how far a number may move, whatever its size"
    )
    cross_zero: bool = Field(
        default=False, description="with `absolute`: a number may change its sign, and 0 moves too"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> NumberNoiseOptions:
        if (self.percent is None) is (self.absolute is None):
            raise ValueError("exactly one of percent and absolute is needed")
        if self.cross_zero and self.absolute is None:
            raise ValueError("cross_zero needs absolute: a percentage never crosses zero")
        return self


class NumberNoise(NumberRule):
    """A number moves up or down by chance: sums and means stay about what they were.

    It moves by at least one unit of its last place and at most `percent` of itself, or `absolute`,
    each distance as likely as any other, up as likely as down. So a column's sum keeps its expected
    value. Of n distinct numbers of like size, the sum and the mean are off by about
    ``percent / (1.7 * sqrt(n))``: with 10 percent of 10,000 numbers, by 0.06 percent. Equal numbers
    move alike, so repeated ones don't cancel each other out.

    - The places behind the point stay as many. A number so small that `percent` of it is less than
      one unit moves by one unit: 3 becomes 2 or 4.
    - No number crosses zero, and 0 stays 0, unless `cross_zero` is set: a number smaller than
      `absolute` moves by at most itself.
    - Where a number would get too large for the column, it moves the other way.
    - Integers and decimals are reckoned exactly, whatever their length up to 3,000 digits. One with
      an exponent keeps that, and has up to six places behind the point.
    - NaN and infinity stay: no noise changes them. Any other value that is no number is an error,
      and so is one without a digit that `absolute` could change, such as 1e+300.

    This hides the exact number, not its size: who earns most still does.
    """

    name = "number-noise"
    summary = "Moves a number up or down by chance, so that sums and means stay close"
    examples = (
        Example("52300.00", {"percent": 10}),
        Example("41", {"absolute": 5}, Kind.INTEGER),
    )
    Options: ClassVar[type[base.Options]] = NumberNoiseOptions

    def __init__(self, options: NumberNoiseOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._millionths = int((options.percent or 0) * 10**4)
        self._absolute = options.absolute
        self._crosses = options.cross_zero
        if self._absolute is not None:
            if self.kind is Kind.INTEGER and self._absolute < 1:
                raise UsageError(
                    "absolute of number-noise is less than 1, and the column holds integers",
                    hint="give absolute: 1 or more, or percent",
                )
            if self._absolute > self._bounds.largest(0):
                raise UsageError("absolute of number-noise is larger than what the column holds")
            scaled = [min(int(self._absolute * 10**p), 10**DIGITS) for p in range(DIGITS + 1)]
            self._scaled = np.array(scaled, np.int64)

    def _changed(self, old: Numbers, seeds: Bytes) -> Numbers:
        amount = old.amount
        if self._absolute is None:
            # Exact without leaving 64 bits: the millions and what is left of them by themselves.
            million = np.int64(10**6)
            millions = amount // million
            rest = amount - millions * million
            part = np.int64(self._millionths)
            bound: Integers = millions * part + rest * part // million
            bound = np.maximum(bound, (amount > 0).astype(np.int64))
        else:
            bound = self._scaled.take(old.places)
            if not bound.all():
                raise self._too_coarse(int(old.rows[np.argmin(bound)]))
            if not self._crosses:
                bound = np.minimum(bound, amount)
        move = below(np.ascontiguousarray(seeds).view("<u8")[:, 0], 2 * bound) - bound
        move += (move >= 0) & (bound > 0)
        value = np.where(old.negative, -amount, amount)
        new = value + move
        above, under = self._bounds.above.take(old.places), -self._bounds.below.take(old.places)
        unfit = (new > above) | (new < under)
        if unfit.any():
            if (beyond := (value > above) | (value < under)).any():
                raise self._too_large(int(old.rows[np.argmax(beyond)]))
            turned = value - move
            # Where neither fits, the distance is larger than what the column holds on either side.
            edge = np.where(above - value > value - under, above, under)
            turned = np.where((turned > above) | (turned < under), edge, turned)
            new = np.where(unfit, turned, new)
        return Numbers(old.rows, np.abs(new), old.places, new < 0, old.whole)

    def _changed_exact(self, old: Exact, seed: bytes, row: int, kind: Kind) -> Exact:  # noqa: ARG002
        amount, places = old.amount, old.places
        if old.exponent and places < _EXPONENT_PLACES:
            # So few digits would move in large steps.
            amount, places = amount * 10 ** (_EXPONENT_PLACES - places), _EXPONENT_PLACES
        size, where = abs(amount), places - old.power
        if self._absolute is None:
            bound = max(size * self._millionths // 10**6, min(size, 1))
        else:
            bound = int(self._absolute * Decimal(10) ** where)
            if not bound:
                raise self._too_coarse(row)
            if not self._crosses:
                bound = min(bound, size)
        if not bound:
            return old
        move = (int.from_bytes(seed, "little") * 2 * bound >> 128) - bound
        move += move >= 0
        new = amount + move
        if abs(new) > self._bounds.largest(where, new < 0):
            new = amount - move
        return Exact(new, places, old.power, old.exponent)

    def _too_coarse(self, row: int) -> TransformError:
        return TransformError(
            "a number has no digit so small that number-noise could move it by absolute",
            hint="give a larger value of absolute, or percent",
            row=row,
        )


_EXPONENT_PLACES = 6


class NumberRoundOptions(base.Options):
    """Exactly one of `to` and `places` says what is left of a number."""

    to: Decimal | None = Field(
        default=None,
        ge=Decimal("1e-9"),
        le=10**9,
        decimal_places=9,
        description="the step: numbers become multiples of it",
    )
    places: int | None = Field(
        default=None, ge=0, le=9, description="how many places behind the point are left"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> NumberRoundOptions:
        if (self.to is None) is (self.places is None):
            raise ValueError("exactly one of to and places is needed")
        return self


class NumberRound(NumberRule):
    """A number is rounded to a multiple of `to`, or to so many `places` behind the point.

    This is a generalisation, no replacement: equal numbers stay equal, the order stays, and a
    number that is such a multiple already stays as it is. Whoever knows one closely still finds it
    where few have the like.

    - One half-way between two multiples goes to the even one (24.5 to 24, 25 with `to: 10` to 20).
      It is reckoned exactly, as text, so 2.675 is half-way.
    - The result has as many places as the step, or as many as the number had if these are fewer.
    - A number that would get too large for the column is rounded towards zero.
    - NaN and infinity stay. Any other value that is no number is an error.
    """

    name = "number-round"
    summary = "Rounds a number, which makes it less telling"
    examples = (Example("52375.20", {"to": 1000}), Example("48.137154", {"places": 1}))
    Options: ClassVar[type[base.Options]] = NumberRoundOptions

    def __init__(self, options: NumberRoundOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        step = Decimal(1).scaleb(-(options.places or 0)) if options.to is None else options.to
        self._places = max(-int(step.normalize().as_tuple().exponent), 0)
        self._step = int(step.scaleb(self._places))
        scale = 0 if self.kind is Kind.INTEGER else target.limits.scale
        idle = self._step == 1 and self._places == scale
        if scale is not None and (self._places > scale or idle):
            raise UsageError(
                f"the column holds numbers of {scale} places behind the point, which this would "
                "leave as they are",
                hint="give a larger step, such as to: 10",
            )

    def _seeds(self, column: Column) -> Bytes:
        return np.zeros((len(column), 16), np.uint8)  # nothing is left to chance

    def _too_long(self, old: Numbers) -> npt.NDArray[np.bool_]:
        # What is less in units of the step's last place is less than ROOM when it is rounded, too.
        long: npt.NDArray[np.bool_] = (
            old.amount >= 10**DIGITS // POWERS.take(self._finer(old))
        ) | (self._extra(old) > 10**DIGITS // self._step)
        return long

    def _finer(self, old: Numbers) -> Integers:
        """How many places the step has beyond those of the number."""
        return np.maximum(self._places - old.places, 0)

    def _extra(self, old: Numbers) -> Integers:
        """Ten to the power of how many places the number has beyond those of the step."""
        return POWERS.take(np.maximum(old.places - self._places, 0))

    def _changed(self, old: Numbers, seeds: Bytes) -> Numbers:  # noqa: ARG002
        finer, extra = self._finer(old), self._extra(old)
        amount = old.amount * POWERS.take(finer)
        step = extra * self._step
        times = amount // step
        rest = amount - times * step
        # Neither sum leaves 64 bits: a step has 18 digits at most.
        times += (2 * rest > step) | ((2 * rest == step) & (times & 1 == 1))
        most = np.where(
            old.negative,
            self._bounds.below[self._places],
            self._bounds.above[self._places],
        )
        new = times * self._step
        new -= (new > most) * np.int64(self._step)
        if (new > most).any():
            raise self._too_large(int(old.rows[np.argmax(new > most)]))
        # As many places as the step has, unless the number had fewer, and they suffice.
        less = POWERS.take(finer)
        short = new // less
        exact = short * less == new
        places = np.where(exact, np.minimum(old.places, self._places), self._places)
        return Numbers(old.rows, np.where(exact, short, new), places, old.negative, old.whole)

    def _changed_exact(self, old: Exact, seed: bytes, row: int, kind: Kind) -> Exact:  # noqa: ARG002
        if abs(old.power) > _LARGEST_POWER:
            raise self._no_number(row)
        where = old.places - old.power
        plain = Exact(old.amount * 10 ** max(-where, 0), max(where, 0))
        return self._rounded(plain)

    def _rounded(self, old: Exact) -> Exact:
        common = max(old.places, self._places)
        amount = abs(old.amount) * 10 ** (common - old.places)
        step = self._step * 10 ** (common - self._places)
        times, rest = divmod(amount, step)
        times += 2 * rest > step or (2 * rest == step and times % 2 == 1)
        new, places = times * self._step, self._places
        if new > self._bounds.largest(places, old.amount < 0):
            new -= self._step
        while places > old.places and new % 10 == 0:
            new, places = new // 10, places - 1
        return Exact(-new if old.amount < 0 else new, places)


_LARGEST_POWER = 400  # no real has one
