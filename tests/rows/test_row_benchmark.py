"""What the benchmark of the row engine compares does the same work, and so may be compared."""

from __future__ import annotations

import re

from benchmarks import row_engine


def test_the_loop_masks_by_the_rules_of_the_engine() -> None:
    text = row_engine.users(300_000, 7)[0]
    text += text.split(b"\n", 1)[0].replace(b"+1-202-", b"+49 (0)30 call ") + b"\n"
    masked = row_engine.engine()(text)
    looped = row_engine.plain_loop(text)
    assert len(masked) != len(text)
    rows = [[line.split(b"\t") for line in t.splitlines()] for t in (text, masked, looped)]
    for old, new, other in zip(*rows, strict=True):
        for column, value in enumerate(old):
            if column not in row_engine.MASKED:
                assert new[column] == other[column] == value
            elif column != 1:  # a first name may meet itself
                assert new[column] != value
        for column in (4, 5):  # telephone and card
            assert re.sub(rb"\d", b"0", new[column]) == re.sub(rb"\d", b"0", other[column])
        assert new[4][:3] == other[4][:3] == b"+1-"
        assert new[5][:6] == other[5][:6] == b"400000"
        for address in (new[3], other[3]):
            assert re.fullmatch(rb"[a-z]{4}\.[a-z2-7]{15}@example\.com", address)


def test_sizes_are_as_asked_for() -> None:
    blocks = row_engine.users(5_000_000, 1)
    assert len(blocks) == 2
    assert 5_000_000 <= sum(map(len, blocks)) < 5_001_000
    assert row_engine.users(200_000, 3) == row_engine.users(200_000, 3)
    rows = b"".join(blocks).splitlines()
    assert {row.count(b"\t") for row in rows} == {15}
    assert 440 < len(b"".join(blocks)) / len(rows) < 470
