"""XML: element trees, a DOM and an event-driven parse of generated documents, kept."""

from __future__ import annotations

import io
import xml.dom.minidom
import xml.etree.ElementTree
import xml.sax
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

ITEMS = 1500


def document(items: int) -> str:
    root = xml.etree.ElementTree.Element("catalogue", {"items": str(items)})
    for number in range(items):
        item = xml.etree.ElementTree.SubElement(root, "item", {"id": str(number), "kind": "k" * 3})
        xml.etree.ElementTree.SubElement(item, "name").text = f"name {number} & <more>"
        xml.etree.ElementTree.SubElement(item, "price").text = str(number / 3)
    return xml.etree.ElementTree.tostring(root, encoding="unicode")


class Collector(ContentHandler):
    """Keeps what a SAX parser tells."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, object]] = []

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self.events.append((name, dict(attrs.items())))

    def characters(self, content: str) -> None:
        self.events.append(("text", content))


def main() -> object:
    text = document(ITEMS)
    tree = xml.etree.ElementTree.fromstring(text)
    found = tree.findall(".//item[@kind='kkk']/price")
    dom = xml.dom.minidom.parseString(document(ITEMS // 10))
    collector = Collector()
    xml.sax.parse(io.BytesIO(text.encode()), collector)
    return text, tree, found, dom, dom.toprettyxml(), collector.events
