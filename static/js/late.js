// Parts of a page that are loaded by themselves: one that failed says so and can be asked for again, and nothing is
// printed before all are there.
const late = (event) => event.target.closest?.("[data-late]");

const show = (part, failed) => {
  part.classList.toggle("is-failed", failed);
  part.setAttribute("aria-busy", String(!failed));
  part.querySelector("[data-late-failed]").hidden = !failed;
};
const failed = (event) => { const part = late(event); if (part) show(part, true); };
for (const name of ["responseError", "sendError", "timeout"]) document.addEventListener(`htmx:${name}`, failed);

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-late-again]")) return;
  const part = late(event);
  show(part, false);
  part.dispatchEvent(new CustomEvent("again"));
});

const ready = () => {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.disabled = document.querySelector("[data-late]") !== null;
  }
};
document.addEventListener("htmx:afterSettle", ready);
ready();
