// Keeps the offline page and the last bill seen. Nothing else is answered from the phone: amounts must be fresh.
"use strict";
const SHELL = "shell-1", SEEN = "seen-1";
const KEPT = ["/offline/", "__KEPT__"];
const BILL = /^\/bills\/HD[0-9-]+\/$/;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const current = new Set([SHELL, SEEN]);
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => !current.has(name)).map((name) => caches.delete(name))))
      .then(() => self.clients.claim())
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(visit(event, url));
  else if (KEPT.includes(url.pathname)) event.respondWith(fetch(request).catch(() => caches.match(url.pathname)));
});

async function visit(event, url) {
  try {
    const answer = await fetch(event.request);
    if (answer.ok && !answer.redirected && BILL.test(url.pathname)) {
      const copy = answer.clone();
      event.waitUntil(caches.open(SEEN).then((cache) => cache.put("/last-bill", copy)));
    }
    return answer;
  } catch (error) {
    return (await caches.match("/offline/")) || Response.error();
  }
}
