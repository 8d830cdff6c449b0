"""The bill as PDF: Typst sets it, in the distributor's look (policies/<distributor>/templates/bill.typ)."""

from thapsang.interfaces.shared.bill_pdf.laying import PrintedBill
from thapsang.interfaces.shared.bill_pdf.printing import Printed, print_bill, print_bills

__all__ = ["Printed", "PrintedBill", "print_bill", "print_bills"]
