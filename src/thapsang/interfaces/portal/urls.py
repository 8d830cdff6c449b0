"""Routes of the portal."""

from __future__ import annotations

from django.urls import path

from thapsang.interfaces.portal.views import (
    account,
    bills,
    consents,
    contact,
    invoices,
    landing,
    looking_up,
    paying,
    prices,
    refunds,
    signing_in,
)

app_name = "portal"
urlpatterns = [
    path("bills/<str:code>/", bills.bill, name="bill"),  # early: it is opened the most
    path("", landing.landing, name="landing"),
    path("language/", landing.language, name="language"),
    path("manifest.webmanifest", landing.manifest, name="manifest"),
    path("service-worker.js", landing.service_worker, name="service-worker"),
    path("offline/", landing.offline, name="offline"),
    path("prices/", prices.prices, name="prices"),
    path("sign-in/", signing_in.sign_in, name="sign-in"),
    path("sign-in/code/", signing_in.code, name="sign-in-code"),
    path("sign-out/", signing_in.sign_out, name="sign-out"),
    path("home/", bills.home, name="home"),
    path("account/", account.account, name="account"),
    path("account/consents/", consents.consents, name="consents"),
    path("account/contact/", contact.contact, name="contact"),
    path("account/contact/code/", contact.code, name="contact-code"),
    path("account/contact/remove/", contact.remove, name="contact-remove"),
    path("account/contact/language/", contact.letters, name="contact-language"),
    path("account/refunds/", refunds.refunds, name="refunds"),
    path("account/refunds/<int:number>/withdraw/", refunds.withdraw, name="refund-withdraw"),
    path("bills/", bills.bills, name="bills"),
    path("bills/<str:code>/pdf/", bills.pdf, name="bill-pdf"),
    path("bills/<str:code>/xml/", invoices.mine, name="bill-xml"),
    path("bills/<str:code>/pay/", paying.choose, name="pay"),
    path("invoices/", invoices.look_up, name="invoice-look-up"),
    path("invoices/xml/", invoices.xml, name="invoice-xml"),
    path("invoices/file/", invoices.examine, name="invoice-examine"),
    path("look-up/", looking_up.look_up, name="look-up"),
    path("look-up/owed/", looking_up.looked_up, name="looked-up"),
    path("pay/", paying.start, name="start-payment"),
    path("pay/<str:reference>/", paying.payment, name="payment"),
    path("pay/<str:reference>/state/", paying.payment_state, name="payment-state"),
    path("receipts/<str:code>/", paying.receipt, name="receipt"),
]
