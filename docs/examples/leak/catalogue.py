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
    products = {}
    for number in range(400):
        description = f"Lamp {number} is made of brass. " * 60
        products[number] = Product(number, f"Lamp {number}", description)
    return products
