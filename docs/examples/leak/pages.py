"""The pages of the shop; one that was made is kept, so that it is made only once."""

from catalogue import Product, read_catalogue

LAYOUT = """<!DOCTYPE html>
<title>{title}</title>
<h1>{title}</h1>
<p>{text}</p>
"""

_products = read_catalogue()
_pages: dict[str, bytes] = {}


def page_of(url: str) -> bytes:
    """Give the page of an address, such as /product/12?visit=5f3a."""
    page = _pages.get(url)
    if page is None:
        path = url.partition("?")[0]
        page = _pages[url] = render(_products[int(path.rpartition("/")[2])])
    return page


def render(product: Product) -> bytes:
    """Make the page of a product."""
    html = LAYOUT.format(title=product.name, text=product.description)
    return html.encode()
