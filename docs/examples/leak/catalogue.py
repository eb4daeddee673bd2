"""What the shop sells; read once, kept for good."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """One thing to buy."""

    number: int
    name: str
    description: str


def read_catalogue() -> dict[int, Product]:
    """Give all products by their number."""
    return {
        number: Product(number, f"Lamp {number}", f"Lamp {number} is made of brass. " * 60)
        for number in range(400)
    }
