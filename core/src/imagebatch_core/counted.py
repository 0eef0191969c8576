"""Write numbers with their nouns, for sentences that people read."""

from __future__ import annotations


def counted(**numbers: int) -> str:
    """Return ``1 product, 3 images`` for ``counted(product=1, image=3)``; plurals end in s."""
    return ", ".join(
        f"{number} {noun}" if number == 1 else f"{number} {noun}s"
        for noun, number in numbers.items()
    )
