"""Our XSD applied by xmlschema: problems by element, each with the remedy its type documents.

Apart from `validating`, so that signing processes do not load the schema library.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any
from xml.etree import ElementTree

import xmlschema
from xmlschema.validators import XMLSchemaChildrenValidationError, XsdAtomicRestriction, XsdElement

from thapsang.engines.einvoice.problems import Problem, path_of
from thapsang.engines.einvoice.tree import Node

SCHEMA = "hoa-don-2.1.0.xsd"


@lru_cache(maxsize=1)
def _schema() -> xmlschema.XMLSchema10:
    with as_file(files(__package__) / SCHEMA) as path:
        return xmlschema.XMLSchema10(path, defuse="always", allow="local")


def schema_problems(root: Node) -> Iterator[Problem]:
    """Yield where a tree leaves the schema, in the order the library finds it."""
    nodes: dict[Any, Node] = {}
    tree = _element(root, nodes)
    for error in _schema().iter_errors(tree):
        elem = error.elem if error.elem is not None else error.obj
        node = nodes.get(elem, root)
        if isinstance(error, XMLSchemaChildrenValidationError):
            yield _children_problem(error, node)
        else:
            yield _value_problem(error, node)


def _children_problem(error: XMLSchemaChildrenValidationError, node: Node) -> Problem:
    """A child that does not belong where it stands, or one that is missing."""
    expected = [str(particle.name) for particle in error.expected or () if isinstance(particle, XsdElement)]
    wanted = f"Here the layout has {' or '.join(expected)}." if expected else "Nothing more belongs here."
    children = node.elements()
    if error.index < len(children):
        child = children[error.index]
        return Problem(path_of(child), "does not belong here.", f"{wanted} Mind the order.", line=child.line)
    return Problem(
        path_of(node), f"ends without {' or '.join(expected)}.", f"Add {expected[0]}.", line=node.line
    )


def _value_problem(error: xmlschema.XMLSchemaValidationError, node: Node) -> Problem:
    """A value of the wrong form; the remedy is the type's own documentation. Content is not repeated."""
    kind = _schema().types.get(_type_name(error, node))
    text = _documentation(kind)
    if text:
        return Problem(path_of(node), "has a value the layout does not take.", text, line=node.line)
    if "attribute" in str(error.reason):
        remedy = "DLHDon has the attribute Id, a name beginning with a letter; no element has another."
        return Problem(path_of(node), "has a missing, wrong or unknown attribute.", remedy, line=node.line)
    remedy = "Compare with docs/domain/invoices.md; elements have no namespace."
    return Problem(path_of(node), "is not of the layout.", remedy, line=node.line)


def _type_name(error: xmlschema.XMLSchemaValidationError, node: Node) -> str:
    validator = error.validator
    for candidate in (validator, getattr(validator, "parent", None)):
        if isinstance(candidate, XsdAtomicRestriction) and candidate.name:
            return str(candidate.name)
    found = _schema().find("/".join(_names(node)))
    return str(found.type.name) if isinstance(found, XsdElement) else ""


def _names(node: Node) -> list[str]:
    names: list[str] = []
    at: Node | None = node
    while at is not None:
        names.insert(0, at.local)
        at = at.parent
    return names


def _documentation(kind: Any) -> str:
    annotation = getattr(kind, "annotation", None)
    if annotation is None or not kind.is_simple():
        return ""
    return "".join(str(part.text or "") for part in annotation.documentation)


def _element(node: Node, nodes: dict[Any, Node]) -> ElementTree.Element:
    """Copy a node into the tree the schema library reads; text of an element with children is kept."""
    made = ElementTree.Element(_expanded(node, node.name, node.prefix))
    for name, value in node.attributes:
        prefix = name.rpartition(":")[0]
        made.set(_expanded(node, name, prefix) if prefix else name, value)
    last: ElementTree.Element | None = None
    for child in node.children:
        if isinstance(child, Node):
            last = _element(child, nodes)
            made.append(last)
        elif isinstance(child, str) and last is None:
            made.text = (made.text or "") + child
        elif isinstance(child, str) and last is not None:
            last.tail = (last.tail or "") + child
    nodes[made] = node
    return made


def _expanded(node: Node, name: str, prefix: str) -> str:
    uri = node.namespace_of(prefix)
    local = name.rpartition(":")[2]
    return f"{{{uri}}}{local}" if uri else local
