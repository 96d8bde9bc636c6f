"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const cases = all("details.case");
  const find = document.getElementById("find");
  const operation = document.getElementById("operation");
  const found = document.getElementById("found");
  const chips = all(".chips button");

  // What is searched: what the folded case shows, in lower case.
  const texts = new Map(cases.map((c) => [c, c.querySelector("summary").textContent.toLowerCase()]));

  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const on = new Set(chips.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.status));
    let n = 0;
    for (const c of cases) {
      const text = texts.get(c);
      c.hidden = !on.has(c.dataset.status) ||
        (operation.value !== "" && c.dataset.operation !== operation.value) ||
        !words.every((w) => text.includes(w));
      if (!c.hidden) n++;
    }
    for (const m of all("details.more")) m.hidden = !m.querySelector("details.case:not([hidden])");
    const narrow = words.length > 0 || operation.value !== "";
    for (const s of all("details.status")) {
      s.hidden = !s.querySelector("details.case:not([hidden])");
      if (!narrow || s.hidden) continue;
      s.open = true;
      for (const m of all("details.more", s)) m.open = true;
    }
    found.textContent = n === cases.length ? "" : n + " of " + cases.length + " cases";
  }

  // A link to a case unfolds it, and shows it if the filter hides it.
  function reveal() {
    let id;
    try {
      id = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;
    }
    const target = document.getElementById(id);
    if (!target) return;
    if (target.hidden) {
      find.value = "";
      operation.value = "";
      for (const b of chips) b.setAttribute("aria-pressed", "true");
      filter();
    }
    for (let d = target; d; d = d.parentElement) if (d.tagName === "DETAILS") d.open = true;
    target.scrollIntoView();
  }

  async function copy(button) {
    const text = button.previousElementSibling;
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(text);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }

  for (const b of all(".copy button")) b.hidden = false;
  document.addEventListener("click", (e) => {
    const button = e.target.closest(".copy button");
    if (button) copy(button);
    // A second click on the same link does not change the address.
    const link = e.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) reveal();
  });
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => {
    for (const c of all("details.status[open] details.case")) if (c.dataset.status !== "passed") c.open = true;
  });

  const form = document.querySelector("form.filter");
  if (form) {
    form.hidden = false;
    form.addEventListener("submit", (e) => e.preventDefault());
    find.addEventListener("input", filter);
    operation.addEventListener("change", filter);
    for (const b of chips) {
      b.addEventListener("click", () => {
        b.setAttribute("aria-pressed", String(b.getAttribute("aria-pressed") !== "true"));
        filter();
      });
    }
    const fold = (open) => () => {
      for (const c of cases) if (!c.hidden && c.parentElement.open) c.open = open;
    };
    document.getElementById("unfold").addEventListener("click", fold(true));
    document.getElementById("fold").addEventListener("click", fold(false));
    addEventListener("keydown", (e) => {
      if (e.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
        e.preventDefault();
        find.focus();
      }
    });
    if (find.value || operation.value) filter(); // a browser brings back what was typed before
  }
  if (location.hash) reveal();
})();
