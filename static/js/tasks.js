// Work done in place. After an act the row that took the place of the one that is gone has the focus: the next is a key
// away. Bundles that were opened stay open, x presses the first button of the row, and Undo leaves the page standing.
const lines = () => [...document.querySelectorAll("li.task, tr")].filter((line) => line.querySelector(".row-link")?.checkVisibility());
const lineOf = (element) => element?.closest?.("li.task, tr") ?? null;
const opened = new Map();
let place = -1;
let actor = null;

document.addEventListener("toggle", (event) => {
  const key = event.target.dataset?.bundle;
  if (key) opened.set(key, event.target.open);
}, true);

document.addEventListener("htmx:beforeRequest", (event) => {
  const act = event.detail.elt;
  if (!act.matches("[data-task-acts], .give-form, .note form")) return;
  // Other parts of the page may settle while the answer is awaited: only its own counts.
  actor = act;
  if (act.closest(".note")) place = Math.max(0, lines().indexOf(lineOf(document.activeElement)));
  else place = lines().indexOf(lineOf(act));
});

document.addEventListener("htmx:afterSettle", (event) => {
  for (const bundle of document.querySelectorAll("[data-bundle]")) {
    if (opened.has(bundle.dataset.bundle)) bundle.open = opened.get(bundle.dataset.bundle);
  }
  undoInPlace();
  if (place < 0 || event.detail.requestConfig?.elt !== actor || event.detail.elt.id === "toasts") return;
  const all = lines();
  if (all.length) all[Math.min(place, all.length - 1)].querySelector(".row-link").focus();
  place = -1;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (!document.activeElement?.matches(".row-link") || document.querySelector("[data-bulk-bar]")) return;
  const button = document.activeElement.closest("li.task")?.querySelector(".task-acts button");
  if (!button) return;
  event.preventDefault();
  button.click();
});

// Where the page says what can be drawn anew, an undo draws that and nothing else.
const undoInPlace = () => {
  const target = document.querySelector("[data-in-place]")?.dataset.inPlace;
  if (!target) return;
  for (const form of document.querySelectorAll("#toasts form:not([hx-post])")) {
    form.setAttribute("hx-post", form.getAttribute("action"));
    form.setAttribute("hx-target", target);
    form.setAttribute("hx-select", target);
    form.setAttribute("hx-swap", "outerHTML");
    form.setAttribute("hx-select-oob", "#toasts");
    window.htmx.process(form);
  }
};
undoInPlace();
