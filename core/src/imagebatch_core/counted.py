"""Numbers with their nouns, for sentences that people read."""

from __future__ import annotations


def counted(**numbers: int) -> str:
    """``counted(product=1, image=3)`` is ``1 product, 3 images``; for nouns that take an s."""
    return ", ".join(
        f"{number} {noun}" if number == 1 else f"{number} {noun}s"
        for noun, number in numbers.items()
    )
