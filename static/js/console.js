// The console's own behaviour. Pages work without it; it makes them quick: keys, search, theme, notes, rows.
const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
const bootstrap = () => window.bootstrap ?? window.tabler;

// Search box: results below it, chosen with the arrow keys.
const box = document.getElementById("search");
const results = document.getElementById("search-results");

const options = () => [...results.querySelectorAll("[role=option]")];
const showResults = (shown) => {
  results.hidden = !shown;
  box.setAttribute("aria-expanded", String(shown));
  if (!shown) box.removeAttribute("aria-activedescendant");
};
const choose = (step) => {
  const all = options();
  if (!all.length) return;
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length];
  for (const option of all) option.setAttribute("aria-selected", String(option === next));
  box.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
};

if (box) {
  results.addEventListener("htmx:afterSwap", () => showResults(box.value.trim() !== "" && document.activeElement === box));
  box.addEventListener("focus", () => { if (results.childElementCount && box.value.trim()) showResults(true); });
  box.addEventListener("input", () => { if (!box.value.trim()) showResults(false); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      choose(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      const chosen = options().find((option) => option.getAttribute("aria-selected") === "true");
      if (chosen) { event.preventDefault(); window.location.assign(chosen.href); }
    } else if (event.key === "Escape") {
      showResults(false);
      box.blur();
    }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".search")) showResults(false); });
}

// Keys
let goPressedAt = -Infinity;
const rows = () => [...document.querySelectorAll(".row-link")].filter((link) => link.checkVisibility());

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && box) {
    event.preventDefault();
    box.focus();
    box.select();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
  if (document.querySelector(".modal.show")) return;
  if (performance.now() - goPressedAt < 1500) {
    goPressedAt = -Infinity;
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) { event.preventDefault(); window.location.assign(link.href); return; }
  }
  const key = event.key;
  if (key === "/" && box) {
    event.preventDefault();
    box.focus();
    box.select();
  } else if (key === "g") {
    goPressedAt = performance.now();
  } else if (key === "?") {
    const dialog = document.getElementById("shortcuts");
    if (dialog) bootstrap().Modal.getOrCreateInstance(dialog).show();
  } else if (key === "j" || key === "k") {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + (key === "j" ? 1 : -1)));
    all[next].focus();
    all[next].closest("tr, li")?.scrollIntoView({ block: "nearest" });
  }
});

// A click anywhere on a row opens what its link opens; text may still be marked.
document.addEventListener("click", (event) => {
  const row = event.target.closest("tr");
  const link = row?.querySelector(".row-link");
  if (!link || event.target.closest("a, button, input, label, select, form") || String(window.getSelection())) return;
  if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
  else link.click();
});

// Filters show that they are set.
document.addEventListener("change", (event) => {
  if (event.target.matches(".list-filter")) event.target.classList.toggle("is-set", event.target.value !== "");
});
// An address without empty keys is one that a person can read and share.
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches("[data-list-bar]")) return;
  for (const [name, value] of [...event.detail.formData.entries()]) {
    if (value === "") event.detail.formData.delete(name);
  }
});

// The current tab is in sight on a phone, where tabs are wider than the screen.
document.querySelector(".nav-tabs .active")?.scrollIntoView({ block: "nearest", inline: "nearest" });

// Theme: shown at once, kept on the server meanwhile.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]") || !event.submitter) return;
  event.preventDefault();
  window.applyTheme(event.submitter.value);
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button === event.submitter));
  }
  fetch(form.action, { method: "POST", body: new FormData(form, event.submitter), redirect: "manual", keepalive: true });
});

// Notes fade after ten seconds, not while they are read.
const FADE_AFTER = 10_000;
const watch = (note) => {
  note.querySelector("[data-note-close]")?.addEventListener("click", () => note.remove());
  if (!note.hasAttribute("data-fades")) return;
  let timer = setTimeout(() => note.remove(), FADE_AFTER);
  const hold = () => clearTimeout(timer);
  const release = () => { clearTimeout(timer); timer = setTimeout(() => note.remove(), FADE_AFTER); };
  note.addEventListener("mouseenter", hold);
  note.addEventListener("focusin", hold);
  note.addEventListener("mouseleave", release);
  note.addEventListener("focusout", release);
};
document.querySelectorAll("[data-note]").forEach(watch);
document.addEventListener("htmx:load", (event) => event.detail.elt.querySelectorAll?.("[data-note]").forEach(watch));

// A request that failed says so instead of doing nothing.
const failed = document.getElementById("request-failed");
const sayFailed = () => {
  if (!failed) return;
  const note = failed.content.firstElementChild.cloneNode(true);
  document.getElementById("toasts").append(note);
  watch(note);
};
document.addEventListener("htmx:responseError", sayFailed);
document.addEventListener("htmx:sendError", sayFailed);

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// Copy buttons: <button data-copy="#id-of-the-text">
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
  button.classList.add("is-copied");
  setTimeout(() => button.classList.remove("is-copied"), 2000);
});

// A half-filled form is not lost by a stray click.
for (const form of document.querySelectorAll("form[data-keeps]")) {
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}
