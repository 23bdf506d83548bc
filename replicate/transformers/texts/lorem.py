"""Filler text: words that mean nothing, in place of texts that do."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from replicate.errors import UsageError
from replicate.rows.column import Column, Replacement
from replicate.rows.spans import gather
from replicate.transformers import base
from replicate.transformers.base import Draw, Effects, Example, Target, Uniqueness
from replicate.transformers.columnar.joined import packed
from replicate.transformers.columnar.lots import Bytes, below, words
from replicate.transformers.columnar.pools import Integers, check_size, pick
from replicate.transformers.rule import TEXTUAL, Rule
from replicate.transformers.texts.utf8 import Characters

# The words, their order and the numbers below decide what the texts are: they are never edited
# once they have been released.
_VOCABULARY = (
    "ab ac ad aer aestas ager alba alter altus amicus amnis animus annus ante aqua arbor arcus "
    "argentum ars astrum aura aurum avis bellus bene bonus brevis caelum campus canto carmen "
    "causa celer charta circa civis clarus collis color cor corona cras cum cura dies digitus "
    "domus donum dulcis durus ego equus et etiam facilis fama fere festum filum finis flamma flos "
    "fluvius folium fons forma fortis fructus fuga gaudium gelu genus gradus gratia grex hasta "
    "herba hic hiems hora hortus iam idem ignis imago imber inter ita iter labor lac lapis largus "
    "latus lenis levis liber lignum lilium limen linea littera locus longus lucerna lumen luna "
    "lux magnus mane manus mare mater mel mensa mensis meus mille mirus mons mora mundus murus "
    "nam navis nemus nidus nix nobis nomen novus nox nubes numerus nunc olim omnis opus ora orbis "
    "otium ovum panis parvus pax per pes piscis planus pluvia pons porta portus post primus pro "
    "prope puer pulcher quando quasi quies quod radix ramus rarus ratio regio ripa risus ros rosa "
    "rota rus saepe sal saltus sapiens saxum schola sed semen semper sensus serus sic sidus silva "
    "simul sine sol somnus sonus spes stella sub suavis summus surculus tabula talis tamen tectum "
    "tempus tenuis terra texo tranquillus trans tum turris ubi umbra unda ursus usus uva valde "
    "vallis velum ventus ver verbum vesper vetus via vicus vinum viola viridis vita vitrum volo"
)
_WORDS = _VOCABULARY.split()
_LOOP = 1 << 16  # bytes of filler text, about
_PIECE = 1 << 12  # bytes that are taken of it at a time
_PHRASES = 1 << 13  # words that a sentence may begin with
_MOST_WORDS = 100

_CAPITAL = np.uint8(0x20)
_SPACE, _STOP, _FILLING = (np.uint8(ord(sign)) for sign in " .a")


def _numbers() -> Iterator[int]:
    """Numbers of 31 bits without an end, the same in every run."""
    state = 20_240_531
    while True:
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) & (2**64 - 1)
        yield state >> 33


@functools.cache
def _filler() -> tuple[Bytes, Integers, int]:
    """Sentences end to end, where their words begin, and how long they are until they repeat."""
    numbers = _numbers()
    text = bytearray()
    starts = []
    while len(text) < _LOOP:
        count = 4 + next(numbers) % 9
        for place in range(count):
            starts.append(len(text))
            word = _WORDS[next(numbers) % len(_WORDS)]
            text += (word if place else word.capitalize()).encode()
            if place == count - 1:
                text += b"."
            elif place and next(numbers) % 8 == 0:
                text += b","
            text += b" "
    repeated = bytes(text) + bytes(text[:_PIECE])
    return np.frombuffer(repeated, np.uint8), np.array(starts), len(text)


@functools.cache
def _phrases() -> tuple[Bytes, Integers]:
    """Words, each with a space behind it, and where each of them and the end lies."""
    numbers = _numbers()
    drawn = [_WORDS[next(numbers) % len(_WORDS)] for _ in range(_PHRASES + _MOST_WORDS)]
    text = np.frombuffer(" ".join([*drawn, ""]).encode(), np.uint8)
    return text, np.cumsum([0, *(len(word) + 1 for word in drawn)])


class LoremOptions(base.Options):
    """What is kept of a text beside its length."""

    keep_line_breaks: bool = Field(
        default=False, description="break lines where the value breaks them"
    )


class Lorem(Rule):
    """Any value but NULL and the empty string becomes filler text of as many characters.

    It is Latin words that mean nothing, in sentences of four to twelve, of ASCII letters, spaces,
    commas and full stops. With `keep_line_breaks` lines are as long as the value's are. Two values
    may become the same.
    """

    name = "lorem"
    summary = "Replaces the value by filler text of the same length"
    examples = (
        Example("Called twice, wants her money back by Friday."),
        Example("Dear Jane,\nsee you.\nRichard", {"keep_line_breaks": True}),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = LoremOptions

    def __init__(self, options: LoremOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._keep_line_breaks = options.keep_line_breaks

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        old = Characters.of(column)
        length = old.count
        check_size(int(length.sum()))
        _, starts, _ = _filler()
        first = starts[below(words(self.draw(column))[:, 0], len(starts))]
        text = _filled(first, length)
        _finish(text, length)
        if self._keep_line_breaks:
            _break_lines(text, old)
        return pick(column, *packed(text, length))


def _filled(first: Integers, length: Integers) -> Bytes:
    """So much filler text of each row, one after the other, from the place ``first[i]`` on."""
    text, _, loop = _filler()
    if int(length.max(initial=0)) <= _PIECE:
        return gather(text, first, length)
    count = np.maximum(-(-length // _PIECE), 1)
    row = np.repeat(np.arange(len(length)), count)
    done = (np.arange(len(row)) - (np.cumsum(count) - count)[row]) * _PIECE
    return gather(text, (first[row] + done) % loop, np.minimum(length[row] - done, _PIECE))


def _finish(text: Bytes, length: Integers) -> None:
    """Let each text begin with a capital and end as a sentence does."""
    end = np.cumsum(length)
    filled = length > 0
    text[(end - length)[filled]] &= ~_CAPITAL
    last = end[filled] - 1
    # A text that is cut off behind a word gets a letter there rather than a space.
    sentence = length[filled] >= 4
    _fill(text, last - sentence)
    text[last[sentence]] = _STOP


def _fill(text: Bytes, places: Integers) -> None:
    text[places[text[places] < ord("A")]] = _FILLING


def _break_lines(text: Bytes, old: Characters) -> None:
    breaks = np.flatnonzero((old.data == ord("\n")) | (old.data == ord("\r")))
    # A byte of the new texts stands for each character of the old ones.
    places = breaks if old.places is None else np.searchsorted(old.places, breaks)
    text[places] = old.data[breaks]


class SentenceOptions(base.Options):
    """How long a sentence is."""

    min_words: int = Field(
        default=4, ge=1, le=_MOST_WORDS, description="words of the shortest sentence"
    )
    max_words: int = Field(
        default=12, ge=1, le=_MOST_WORDS, description="words of the longest sentence"
    )

    @model_validator(mode="after")
    def _in_order(self) -> SentenceOptions:
        if self.min_words > self.max_words:
            raise ValueError("min_words is more than max_words")
        return self


class Sentence(Rule):
    """Any value but NULL and the empty string becomes a sentence that means nothing.

    It has between `min_words` and `max_words` Latin words, of ASCII letters, a capital at its
    beginning and a full stop at its end; its length tells nothing of the value. Where the column
    is too short for it, words are left out at the end. Two values may become the same.
    """

    name = "sentence"
    summary = "Replaces the value by a sentence of filler words"
    examples = (
        Example("Called twice, wants her money back by Friday."),
        Example("urgent", {"min_words": 2, "max_words": 3}),
    )
    kinds = TEXTUAL
    Options: ClassVar[type[base.Options]] = SentenceOptions

    def __init__(self, options: SentenceOptions, *, target: Target, draw: Draw) -> None:
        super().__init__(options, target=target, draw=draw)
        self._least, self._choices = options.min_words, options.max_words - options.min_words + 1
        longest = max(map(len, _WORDS)) + 1
        if target.limits.max_chars is not None and target.limits.max_chars < longest:
            raise UsageError(
                f"a sentence needs up to {longest} characters, and the column takes "
                f"{target.limits.max_chars}",
                hint="use lorem, which keeps the length of a value",
            )

    @property
    def effects(self) -> Effects:
        return Effects(Uniqueness.MAY_COLLIDE, TEXTUAL)

    def transform(self, column: Column) -> Replacement:
        text, starts = _phrases()
        drawn = words(self.draw(column))
        first = below(drawn[:, 0], _PHRASES)
        behind = first + self._least + below(drawn[:, 1], self._choices)
        begin = starts[first]
        if self.target.limits.max_chars is not None:
            room = np.searchsorted(starts, begin + self.target.limits.max_chars, side="right") - 1
            behind = np.minimum(behind, room)
        length: npt.NDArray[np.int64] = starts[behind] - begin
        check_size(int(length.sum()))
        sentences = gather(text, begin, length)
        end = np.cumsum(length)
        sentences[end - length] &= ~_CAPITAL
        sentences[end - 1] = _STOP  # where the space behind the last word was
        return pick(column, *packed(sentences, length))
