// Keeps the page as it is served, every few seconds: parts that changed are replaced, scroll and focus stay.
"use strict";
(() => {
  const every = 5000;
  const live = document.getElementById("live");
  const parts = "#headline, #facts, #history, #incidents, #transcript, #evidence, #programs, footer";

  function same(one, other) {
    return one && other && one.outerHTML === other.outerHTML;
  }

  function swap(old, fresh) {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const href = focused && focused.getAttribute("href");
    old.replaceWith(fresh);
    if (href) {
      const again = [...fresh.querySelectorAll("a")].find((a) => a.getAttribute("href") === href);
      if (again) again.focus({ preventScroll: true });
    }
  }

  function list(old, fresh) {
    const kept = new Map([...old.children].map((row) => [row.id, row]));
    let place = old.firstElementChild;
    for (const row of [...fresh.children]) {
      let known = kept.get(row.id);
      kept.delete(row.id);
      if (known && !same(known, row)) {
        if (known === place) place = row;
        swap(known, row);
        known = row;
      }
      const wanted = known || row;
      if (wanted === place) place = place.nextElementSibling;
      else old.insertBefore(wanted, place);
    }
    for (const gone of kept.values()) gone.remove();
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.title = fresh.title;
      for (const part of document.querySelectorAll(parts)) {
        const other = part.id ? fresh.getElementById(part.id) : fresh.querySelector("footer");
        if (other && !same(part, other)) swap(part, other);
      }
      const [old, rows] = [document.getElementById("checks"), fresh.getElementById("checks")];
      if (old && rows) list(old, rows);
      document.body.classList.remove("stale");
      live.textContent = "";
    } catch {
      document.body.classList.add("stale");
      live.textContent = "no answer: this page is old";
    }
  }

  setInterval(refresh, every);
  document.addEventListener("visibilitychange", refresh);
})();
