// Rows of a list are chosen with the mouse, with Shift for a range, or with x on the row that has the focus.
const boxes = () => [...document.querySelectorAll("[data-bulk-box]")];
let last = null;

const show = () => {
  const bar = document.querySelector("[data-bulk-bar]");
  if (!bar) return;
  const all = boxes();
  const whole = bar.querySelector("[data-bulk-all]");
  const chosen = all.filter((box) => box.checked).length;
  const count = bar.querySelector("[data-bulk-count]");
  count.dataset.none ??= count.textContent;
  count.textContent = chosen === 0 ? count.dataset.none : chosen === 1 ? count.dataset.one : count.dataset.many.replace("{n}", String(chosen));
  count.hidden = Boolean(whole?.checked);
  bar.classList.toggle("is-on", chosen > 0 || Boolean(whole?.checked));
  for (const box of all) box.closest("tr")?.classList.toggle("is-chosen", box.checked || Boolean(whole?.checked));
  const head = document.querySelector("[data-bulk-head]");
  if (head) {
    head.checked = chosen > 0 && chosen === all.length;
    head.indeterminate = chosen > 0 && chosen < all.length;
  }
};

// The heading of the column chooses the whole page.
const dress = () => {
  const first = boxes()[0];
  const cell = first?.closest("table").querySelector("thead th");
  if (cell && !cell.querySelector("[data-bulk-head]")) {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.className = "form-check-input";
    box.dataset.bulkHead = "";
    box.setAttribute("aria-label", cell.textContent.trim());
    cell.replaceChildren(box);
  }
  show();
};

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-bulk-head]")) {
    for (const box of boxes()) box.checked = event.target.checked;
    show();
  } else if (event.target.matches("[data-bulk-box], [data-bulk-all]")) {
    show();
  }
});
document.addEventListener("click", (event) => {
  const box = event.target.closest?.("[data-bulk-box]");
  if (!box) return;
  const all = boxes();
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const between of all.slice(from, to + 1)) between.checked = box.checked;
    show();
  }
  last = box;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const box = document.activeElement?.matches(".row-link") ? document.activeElement.closest("tr")?.querySelector("[data-bulk-box]") : null;
  if (!box) return;
  box.checked = !box.checked;
  last = box;
  show();
});
document.addEventListener("htmx:afterSettle", dress);
dress();
