"""Does a file follow the layout? First our XSD, then the rules a schema cannot say.

The schema is ours (`hoa-don-2.1.0.xsd` beside this module); the tax authority's own is not published. It is
applied by xmlschema to a tree read by our own bounded reader, never to the file itself.
"""

from __future__ import annotations

from thapsang.engines.einvoice.errors import UnreadableError
from thapsang.engines.einvoice.problems import Problem, path_of
from thapsang.engines.einvoice.rules import Finding, broken_rules
from thapsang.engines.einvoice.tree import LARGEST_FILE, read
from thapsang.engines.einvoice.verifying import invoices_in

_MOST_PROBLEMS = 100


def validate(data: bytes, *, largest: int = LARGEST_FILE) -> list[Problem]:
    """Return what is wrong with a file, at most 100 problems; an empty list when it follows layout and rules.

    Rules are asked only of a file the schema takes. Signatures are not verified here. Never raises for what
    the file holds.
    """
    try:
        root = read(data, largest=largest)
        invoices = invoices_in(root)
    except UnreadableError as error:
        return [Problem(error.element, error.problem, error.remedy, code=error.cause)]
    from thapsang.engines.einvoice.schema import schema_problems  # loads the library only where it is needed

    found = list(schema_problems(root))
    if found:
        return found[:_MOST_PROBLEMS]
    return [_from_rule(finding) for hdon in invoices for finding in broken_rules(hdon)][:_MOST_PROBLEMS]


def _from_rule(finding: Finding) -> Problem:
    return Problem(
        path_of(finding.node),
        finding.problem,
        finding.remedy,
        finding.severity,
        finding.code,
        finding.node.line,
    )
