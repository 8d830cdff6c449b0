"""Signing a file that exists: take its DLHDon, put the signature where it belongs."""

from __future__ import annotations

from thapsang.engines.einvoice.c14n import canonical
from thapsang.engines.einvoice.errors import InvoiceError
from thapsang.engines.einvoice.signing import DS
from thapsang.engines.einvoice.tree import Node, read
from thapsang.engines.einvoice.verifying import invoices_in
from thapsang.engines.einvoice.writing import DECLARATION, Draft


def prepare(data: bytes) -> tuple[Node, Draft]:
    """Return a file's root and the draft of its one invoice.

    Raises UnreadableError for what cannot be read, InvoiceError when it has no or several invoices, no Id, or
    a seller's signature already. Validate the file first: this does not.
    """
    root = read(data)
    hdons = invoices_in(root)
    bodies = [body for hdon in hdons for body in hdon.elements("DLHDon")]
    if len(hdons) != 1 or len(bodies) != 1:
        raise InvoiceError("DLHDon", f"the file has {len(bodies)}.", "Sign one invoice a file.")
    element_id = bodies[0].get("Id")
    if not element_id:
        raise InvoiceError("DLHDon/@Id", "is missing.", "Give the element an Id; the signature refers to it.")
    place = hdons[0].at("DSCKS/NBan")
    if place and place.elements("Signature", DS):
        raise InvoiceError(
            "DSCKS/NBan", "is signed already.", "A signed invoice is never changed; adjust or replace it."
        )
    return root, Draft(element_id, canonical(bodies[0]))


def seller_code(root: Node) -> str:
    """Return the seller's tax code of a file's one invoice; empty when it names none."""
    return invoices_in(root)[0].value("DLHDon/NDHDon/NBan/MST")


def with_signature(root: Node, signature: bytes) -> bytes:
    """Return the file with the seller's signature in DSCKS/NBan, all of it in canonical form.

    White space between elements outside DLHDon stays; the DLHDon's bytes are those that were signed.
    """
    hdon = invoices_in(root)[0]
    _child(_child(hdon, "DSCKS"), "NBan").children.insert(0, signature)
    return DECLARATION + canonical(root)


def _child(node: Node, name: str) -> Node:
    found = node.elements(name)
    if found:
        return found[0]
    made = Node(name, [], {}, node, node.line)
    node.children.append(made)
    return made
