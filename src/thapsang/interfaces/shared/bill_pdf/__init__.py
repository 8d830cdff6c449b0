"""The bill as PDF: Typst sets it, in the distributor's look (policies/<distributor>/templates/bill.typ)."""

from thapsang.interfaces.shared.bill_pdf.printing import PrintedBill, print_bill

__all__ = ["PrintedBill", "print_bill"]
