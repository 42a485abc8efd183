// Keeps the receptionists' page as the core has it, every two seconds; never while somebody is choosing in it.
// Looking is no act: once the core has ended the session, the page goes to its door.
"use strict";
(() => {
  const EVERY_MS = 2000;
  const live = document.getElementById("live");
  const stale = document.getElementById("stale");
  if (!live) return;
  let shown = "";

  const choosing = () => live.contains(document.activeElement) && document.activeElement.matches("select, input");

  const put = (html) => {
    const focused = document.activeElement && live.contains(document.activeElement) ? document.activeElement.id : "";
    live.innerHTML = html;
    if (focused) document.getElementById(focused)?.focus();
  };

  const look = async () => {
    try {
      const answer = await fetch(live.dataset.live, { cache: "no-store" });
      if (answer.status === 401) return location.replace(live.dataset.home);
      stale.hidden = answer.ok;
      if (answer.ok) {
        const html = await answer.text();
        if (html !== shown && !choosing()) {
          put(html);
          shown = html;
        }
      }
    } catch {
      stale.hidden = false;
    }
    setTimeout(look, EVERY_MS);
  };
  setTimeout(look, EVERY_MS);
})();
