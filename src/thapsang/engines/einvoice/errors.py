"""What can be wrong with an invoice: while it is made, while it is read, while its key is opened."""

from __future__ import annotations


class EInvoiceError(ValueError):
    """Base of this engine's errors: `element` says where, `problem` what is wrong, `remedy` what to do now."""

    def __init__(self, element: str, problem: str, remedy: str) -> None:
        self.element, self.problem, self.remedy = element, problem, remedy
        super().__init__(f"{element}: {problem} {remedy}")

    def __reduce__(self) -> tuple[type[EInvoiceError], tuple[str, ...]]:
        return type(self), (self.element, self.problem, self.remedy)


class InvoiceError(EInvoiceError):
    """An invoice to be made breaks a rule of the layout; `element` is the element it would have filled."""


class UnreadableError(EInvoiceError):
    """A file is refused before its content is looked at; `cause` is a short code such as `dtd` or `empty`."""

    def __init__(self, cause: str, problem: str, remedy: str, element: str = "file") -> None:
        self.cause = cause
        super().__init__(element, problem, remedy)

    def __reduce__(self) -> tuple[type[EInvoiceError], tuple[str, ...]]:
        return type(self), (self.cause, self.problem, self.remedy, self.element)


class KeyFileError(EInvoiceError):
    """A signing key cannot be opened or may not sign."""
