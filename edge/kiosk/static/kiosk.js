// Clears the screen after a while without an act, keeps a form from being sent twice, steps a number, and
// goes on when a lease has ended. The page works without it; it holds no data and asks only its own server.
"use strict";
(() => {
  const WARN_S = 20;

  const clearWhenIdle = (seconds, line) => {
    const text = line.dataset.text;
    let end = 0;
    const wind = () => {
      end = performance.now() + seconds * 1000;
      line.classList.remove("shown");
    };
    const tick = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      if (left <= 0) {
        clearInterval(timer);
        location.replace("/");
      } else if (left <= WARN_S) {
        // A screen reader hears it once; the eye sees it count.
        line.setAttribute("aria-live", left === Math.min(WARN_S, seconds) ? "polite" : "off");
        line.textContent = text.replace("{n}", String(left));
        line.classList.add("shown");
      }
    };
    for (const act of ["pointerdown", "keydown", "input", "wheel"]) addEventListener(act, wind, { passive: true });
    wind();
    const timer = setInterval(tick, 500);
  };

  const sendOnce = () => {
    let sent = false;
    addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
      if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
    });
    addEventListener("pageshow", () => {
      sent = false;
      for (const busy of document.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
    });
  };

  const step = (button) => {
    const input = document.getElementById(button.getAttribute("aria-controls"));
    button.addEventListener("click", () => {
      const value = (Number.parseInt(input.value, 10) || 1) + Number(button.dataset.step);
      input.value = String(Math.min(Number(input.max), Math.max(Number(input.min), value)));
    });
  };

  // A long list is narrowed by what is typed; what was chosen stays in sight, and so does the last, "I'd rather not say".
  const filter = (field) => {
    const input = field.querySelector("input");
    const told = field.querySelector("[role=status]");
    const rows = [...document.getElementById(field.dataset.filters).children];
    field.hidden = false;
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLocaleLowerCase();
      let met = 0;
      rows.forEach((row, n) => {
        const fits = row.textContent.toLocaleLowerCase().includes(wanted);
        met += fits && n < rows.length - 1;
        row.hidden = !fits && n < rows.length - 1 && !row.querySelector("input").checked;
      });
      told.textContent = met ? "" : field.dataset.none;
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
  };

  // The answer to `wait` comes when the lease has ended; the page stays usable until then.
  const goOnAfter = (wait, result) => fetch(wait).finally(() => location.replace(result));

  document.documentElement.classList.add("js");
  const line = document.getElementById("countdown");
  if (line) clearWhenIdle(Number(document.body.dataset.idle), line);
  const waiting = document.getElementById("waiting");
  if (waiting) goOnAfter(waiting.dataset.wait ?? waiting.dataset.result, waiting.dataset.result);
  sendOnce();
  document.querySelectorAll("[data-step]").forEach(step);
  document.querySelectorAll("[data-filters]").forEach(filter);
})();
