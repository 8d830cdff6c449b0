// The console by keyboard: / search, g then a letter for a desk, j and k along a list, Enter opens, ? help.
(() => {
  "use strict";
  let going = 0;
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const rows = () => [...document.querySelectorAll("[data-rows] tbody tr, [data-rows] > li")].filter((row) => row.querySelector("a[href]"));

  const step = (by) => {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(all.length - 1, Math.max(0, now < 0 ? (by > 0 ? 0 : all.length - 1) : now + by))];
    next.querySelector("a[href]").focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const follow = (selector) => {
    const link = document.querySelector(selector);
    if (!link) return false;
    link.click();
    return true;
  };
  const help = () => {
    const dialog = document.getElementById("keys");
    if (dialog) dialog.open ? dialog.close() : dialog.showModal();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(event.target)) return event.target.blur();
    if (typing(event.target)) return;
    if (going && Date.now() - going < 1500) {
      going = 0;
      if (follow(`[data-go="${CSS.escape(event.key)}"]`)) event.preventDefault();
      return;
    }
    going = 0;
    const act = {
      "/": () => { const field = document.querySelector("[data-search]"); if (field) { field.focus(); field.select(); } },
      g: () => { going = Date.now(); },
      j: () => step(1),
      k: () => step(-1),
      "?": help,
    }[event.key];
    if (act) { event.preventDefault(); act(); return; }
    if (event.key.length === 1 && follow(`[data-press="${CSS.escape(event.key)}"]`)) event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys]")) help();
    if (event.target.matches("[data-print]")) window.print();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-at-once]")) event.target.form.requestSubmit();
  });
})();
