// Copy buttons and the service worker; every page works without either.
"use strict";
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(from.dataset.value || from.textContent.trim());
    const copied = document.getElementById("copied"), label = button.querySelector("span"), before = label.textContent;
    copied.textContent = label.textContent = copied.dataset.said;
    setTimeout(() => { label.textContent = before; copied.textContent = ""; }, 2500);
  });
}
if ("serviceWorker" in navigator) {
  addEventListener("load", () => navigator.serviceWorker.register("/service-worker.js"));
}
