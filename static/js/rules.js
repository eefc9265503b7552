// Rules of a draft are also put in order by dragging; the buttons beside them do the same without it.
const setUp = (form) => {
  const list = form.querySelector(".rule-list");
  if (!list || list.dataset.drags) return;
  list.dataset.drags = "1";
  let dragged = null;
  for (const item of list.querySelectorAll("[data-rule]")) item.draggable = true;
  list.addEventListener("dragstart", (event) => {
    dragged = event.target.closest("[data-rule]");
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    dragged.classList.add("is-dragged");
  });
  list.addEventListener("dragover", (event) => {
    const over = event.target.closest("[data-rule]");
    if (!dragged || !over || over === dragged) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    over[event.clientY < box.top + box.height / 2 ? "before" : "after"](dragged);
  });
  list.addEventListener("drop", (event) => event.preventDefault());
  list.addEventListener("dragend", () => {
    if (!dragged) return;
    dragged.classList.remove("is-dragged");
    dragged = null;
    form.requestSubmit();
  });
};

for (const form of document.querySelectorAll("[data-rule-order]")) setUp(form);
document.addEventListener("htmx:afterSettle", () => {
  for (const form of document.querySelectorAll("[data-rule-order]")) setUp(form);
});
