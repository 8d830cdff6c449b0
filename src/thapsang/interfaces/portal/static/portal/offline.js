// Put the last bill seen on the offline page. It was kept by the service worker, on this phone only.
"use strict";
(async () => {
  if (!("caches" in window)) return;
  const kept = await caches.match("/last-bill");
  if (!kept) return;
  const page = new DOMParser().parseFromString(await kept.text(), "text/html");
  const bill = page.getElementById("bill-summary");
  if (!bill) return;
  for (const link of bill.querySelectorAll("a")) link.remove();
  document.getElementById("last-bill-here").append(document.adoptNode(bill));
  document.getElementById("last-bill").hidden = false;
})();
