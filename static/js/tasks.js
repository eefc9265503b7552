// After a task was settled in place, the one that took its place has the focus: the next is a key away.
const forms = () => [...document.querySelectorAll("[data-task-acts]")].filter((form) => form.offsetParent !== null);
let place = -1;
document.addEventListener("htmx:beforeRequest", (event) => {
  place = forms().indexOf(event.detail.elt);
});
document.addEventListener("htmx:afterSettle", (event) => {
  const all = forms();
  if (place < 0 || !all.length || event.detail.elt.id === "toasts") return;
  all[Math.min(place, all.length - 1)].closest("tr, li").querySelector(".row-link").focus();
  place = -1;
});
