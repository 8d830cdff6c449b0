"""Reading XML nobody vouches for: bounded, without DTD, entities or other encodings.

Names are kept as written (`ds:Signature`), for canonical form needs the prefixes. Comments are dropped: they
are in no canonical form used here, and text is read across them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from thapsang.engines.einvoice.errors import UnreadableError

LARGEST_FILE = 8 * 1024 * 1024
"""Bytes of the largest file read; an invoice is a few kB."""
_DEEPEST = 64
_MOST_NODES = 200_000
_XML = "http://www.w3.org/XML/1998/namespace"
_DECLARED = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


@dataclass(frozen=True, slots=True)
class Instruction:
    """A processing instruction."""

    target: str
    data: str


@dataclass(slots=True, eq=False)
class Node:
    """An element: its name and attributes as written, the namespaces it declares, its children."""

    name: str
    attributes: list[tuple[str, str]]
    namespaces: dict[str, str]
    parent: Node | None
    line: int
    children: list[Node | str | Instruction | bytes] = field(default_factory=list)
    """`bytes` stand for an element already in canonical form (a signature put in while signing)."""

    @property
    def prefix(self) -> str:
        """Prefix of the name; empty without one."""
        return self.name.rpartition(":")[0]

    @property
    def local(self) -> str:
        """Name without its prefix."""
        return self.name.rpartition(":")[2]

    @property
    def uri(self) -> str:
        """Namespace of the element; empty for none."""
        return self.namespace_of(self.prefix) or ""

    def namespace_of(self, prefix: str) -> str | None:
        """Return the namespace a prefix stands for here; None when nobody declares it."""
        if prefix == "xml":
            return _XML
        node: Node | None = self
        while node is not None:
            if prefix in node.namespaces:
                return node.namespaces[prefix]
            node = node.parent
        return None

    def get(self, name: str) -> str | None:
        """Return an attribute's value."""
        return next((value for key, value in self.attributes if key == name), None)

    def elements(self, local: str | None = None, uri: str | None = None) -> list[Node]:
        """Return child elements, all or those of a name (and namespace)."""
        return [
            child
            for child in self.children
            if isinstance(child, Node)
            and (local is None or child.local == local)
            and (uri is None or child.uri == uri)
        ]

    def at(self, path: str) -> Node | None:
        """Return the first element at a path of local names below this one."""
        node: Node | None = self
        for step in path.split("/"):
            node = next(iter(node.elements(step)), None) if node is not None else None
        return node

    def value(self, path: str = "") -> str:
        """Return the text of the element at a path (of this one by default); empty when there is none."""
        node = self.at(path) if path else self
        return "".join(child for child in node.children if isinstance(child, str)) if node else ""

    def walk(self) -> Iterator[Node]:
        """Yield this element and all below it."""
        yield self
        for child in self.elements():
            yield from child.walk()


def read(data: bytes, *, largest: int = LARGEST_FILE) -> Node:
    """Return the root element of an XML file.

    Raises UnreadableError with the cause: empty, too-large, encoding, dtd, too-deep, too-many, namespace or not-xml.
    """
    _look_at(data, largest)
    builder = _Builder()
    try:
        builder.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise UnreadableError(
            "not-xml",
            f"is not well-formed XML: {expat.ErrorString(error.code)}, line {error.lineno}.",
            "Get the file again from its sender; do not mend it by hand, a signature would break.",
        ) from error
    assert builder.root is not None
    return builder.root


def _look_at(data: bytes, largest: int) -> None:
    if not data.strip():
        raise UnreadableError("empty", "has no content.", "Get the file again from its sender.")
    if len(data) > largest:
        raise UnreadableError(
            "too-large",
            f"has {len(data)} bytes, {largest} are read.",
            "An invoice is a few kB: check the file.",
        )
    declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or (
        declared and declared[1].upper() not in {b"UTF-8", b"US-ASCII"}
    ):
        raise UnreadableError(
            "encoding", "is not in UTF-8.", "The layout is in UTF-8: get it so from its sender."
        )


class _Builder:
    """Expat's events made into nodes."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[Node] = []
        self._count = 0
        self.parser = expat.ParserCreate("UTF-8")
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.ProcessingInstructionHandler = self._instruction
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    def _refuse_doctype(self, *_: object) -> None:
        raise UnreadableError(
            "dtd",
            "declares a document type (DTD).",
            "Invoices have none, and entities can read files: refuse it.",
        )

    def _start(self, name: str, given: list[str]) -> None:
        self._count += 1
        if len(self._open) >= _DEEPEST:
            raise UnreadableError("too-deep", f"nests deeper than {_DEEPEST}.", "This is no invoice.", name)
        if self._count > _MOST_NODES:
            raise UnreadableError(
                "too-many", f"has over {_MOST_NODES} elements.", "This is no invoice.", name
            )
        parent = self._open[-1] if self._open else None
        attributes, namespaces = _split(list(zip(given[::2], given[1::2], strict=True)), name)
        node = Node(name, attributes, namespaces, parent, self.parser.CurrentLineNumber)
        _check_names(node)
        if parent is None:
            self.root = node
        else:
            parent.children.append(node)
        self._open.append(node)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].children.append(text)

    def _instruction(self, target: str, data: str) -> None:
        if self._open:
            self._open[-1].children.append(Instruction(target, data))


def _split(given: list[tuple[str, str]], name: str) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Part attributes from namespace declarations."""
    attributes, namespaces = [], {}
    for key, value in given:
        prefix, _, local = key.rpartition(":")
        if key == "xmlns":
            namespaces[""] = value
        elif prefix == "xmlns":
            if not value or local == "xmlns" or (local == "xml") != (value == _XML):
                raise _misnamed(name, f"declares the prefix {local} wrongly.")
            if local != "xml":
                namespaces[local] = value
        else:
            attributes.append((key, value))
    return attributes, namespaces


def _check_names(node: Node) -> None:
    seen = set()
    for name in (node.name, *(key for key, _ in node.attributes)):
        prefix = name.rpartition(":")[0]
        if (
            ":" in prefix
            or (prefix and node.namespace_of(prefix) is None)
            or name[-1:] == ":"
            or name[:1] == ":"
        ):
            raise _misnamed(node.name, f"uses {name}, whose prefix nobody declares.")
    for key, _ in node.attributes:
        prefix, _, local = key.rpartition(":")
        expanded = (node.namespace_of(prefix) if prefix else "", local)
        if expanded in seen:
            raise _misnamed(node.name, f"has the attribute {local} twice.")
        seen.add(expanded)


def _misnamed(element: str, problem: str) -> UnreadableError:
    return UnreadableError("namespace", problem, "Get the file again from its sender.", element)
