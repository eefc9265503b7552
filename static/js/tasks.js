// After a task was settled in place, the row that took its place has the focus: the next one is a key away.
let place = -1;
const links = (root) => [...root.querySelectorAll(".row-link")];
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt.closest?.("[data-task-acts]");
  const list = form?.closest("table, ul");
  const link = form?.closest("tr, li")?.querySelector(".row-link");
  place = list && link ? links(list).indexOf(link) : -1;
});
document.addEventListener("htmx:afterSettle", (event) => {
  if (place < 0) return;
  const all = links(event.detail.elt);
  all[Math.min(place, all.length - 1)]?.focus();
  place = -1;
});
