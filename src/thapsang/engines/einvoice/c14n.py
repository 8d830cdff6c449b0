"""Canonical XML of an element with all below it, without comments.

Both kinds signatures use: Canonical XML 1.0 (inclusive: the element takes along every namespace and xml:
attribute in force around it) and Exclusive XML Canonicalization 1.0 (only prefixes in use). W3C
recommendations of 2001-03-15 and 2002-07-18.
"""

from __future__ import annotations

from collections.abc import Iterator

from thapsang.engines.einvoice.tree import Instruction, Node

INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_VALUE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"}
)


def canonical(node: Node, method: str = EXCLUSIVE, *, without: Node | None = None) -> bytes:
    """Return an element's canonical bytes by INCLUSIVE or EXCLUSIVE; `without` leaves one element out."""
    inherited = _xml_attributes_around(node) if method == INCLUSIVE else []
    parts = _render(node, {}, inclusive=method == INCLUSIVE, inherited=inherited, without=without)
    return b"".join(parts)


def _render(
    node: Node,
    rendered: dict[str, str],
    *,
    inclusive: bool,
    inherited: list[tuple[str, str]],
    without: Node | None,
) -> Iterator[bytes]:
    wanted = _in_scope(node) if inclusive else _in_use(node)
    fresh = {p: uri for p, uri in wanted.items() if rendered.get(p, "") != uri}
    attributes = sorted([*node.attributes, *inherited], key=lambda pair: _attribute_order(node, pair[0]))
    declarations = "".join(
        f' xmlns{":" if prefix else ""}{prefix}="{uri.translate(_VALUE)}"'
        for prefix, uri in sorted(fresh.items())
    )
    rest = "".join(f' {name}="{value.translate(_VALUE)}"' for name, value in attributes)
    yield f"<{node.name}{declarations}{rest}>".encode()
    below = {**rendered, **fresh}
    for child in node.children:
        if isinstance(child, str):
            yield child.translate(_TEXT).encode()
        elif isinstance(child, bytes):
            yield child
        elif isinstance(child, Instruction):
            yield f"<?{child.target}{' ' if child.data else ''}{child.data}?>".encode()
        elif child is not without:
            yield from _render(child, below, inclusive=inclusive, inherited=[], without=without)
    yield f"</{node.name}>".encode()


def _in_use(node: Node) -> dict[str, str]:
    """The namespaces the element's own name and attributes use."""
    prefixes = {node.prefix, *(name.rpartition(":")[0] for name, _ in node.attributes if ":" in name)} - {
        "xml"
    }
    return {prefix: node.namespace_of(prefix) or "" for prefix in prefixes}


def _in_scope(node: Node) -> dict[str, str]:
    found: dict[str, str] = {}
    around: Node | None = node
    while around is not None:
        found = {**around.namespaces, **found}
        around = around.parent
    return {"": "", **found}


def _attribute_order(node: Node, name: str) -> tuple[str, str]:
    prefix, _, local = name.rpartition(":")
    return (node.namespace_of(prefix) or "" if prefix else "", local)


def _xml_attributes_around(node: Node) -> list[tuple[str, str]]:
    """xml: attributes of elements around that the element does not set itself, the nearest one's value."""
    own = {name for name, _ in node.attributes}
    found: dict[str, str] = {}
    around = node.parent
    while around is not None:
        for name, value in around.attributes:
            if name.startswith("xml:") and name not in own:
                found.setdefault(name, value)
        around = around.parent
    return list(found.items())
