// Keeps a page that only shows things current: fetches it again and takes over its main part.
// Leaves it alone while the reader has the keyboard focus inside or has opened details.
"use strict";
(() => {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const busy = () =>
    document.hidden || (main !== document.activeElement && main.contains(document.activeElement)) ||
    main.querySelector("details[open]") || String(getSelection());
  const refresh = async () => {
    if (busy()) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
      if (fresh && !busy() && fresh.innerHTML !== main.innerHTML) main.replaceChildren(...fresh.childNodes);
    } catch { /* headquarters restarts: the next round finds it again */ }
  };
  setInterval(refresh, 4000);
})();
