// Cards of the dashboard are put in order by the mouse. Their buttons do the same without this file.
const dash = document.querySelector("[data-dash]");
const says = document.querySelector("[data-dash-says]");
const cards = () => [...dash.querySelectorAll("[data-card]")];
let held = null;
let ready = false; // whether the mouse went down on a grip: a card is picked up there only, its text can be marked

// The first card cannot move forward, the last not back.
const ends = () => cards().forEach((card, at, all) => {
  card.querySelector('button[value="earlier"]').disabled = at === 0;
  card.querySelector('button[value="later"]').disabled = at === all.length - 1;
});
const keep = async () => {
  const body = new URLSearchParams({ order: cards().map((card) => card.dataset.card).join(",") });
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const answer = await fetch(dash.dataset.orderUrl, { method: "POST", body, headers: { "X-CSRFToken": token } }).catch(() => null);
  if (!answer?.ok) window.location.reload();
};

if (dash) {
  // What is not there yet would be missing on paper.
  dash.addEventListener("htmx:afterSettle", () => {
    document.querySelector("[data-print]").disabled = dash.querySelector(".skeleton") !== null;
  });
  for (const grip of dash.querySelectorAll("[data-grip]")) grip.hidden = false;
  dash.addEventListener("pointerdown", (event) => {
    const card = event.target.closest("[data-grip]")?.closest("[data-card]");
    for (const each of cards()) each.draggable = each === card;
    ready = Boolean(card);
  });
  dash.addEventListener("dragstart", (event) => {
    if (!ready) return;
    held = event.target.closest("[data-card]");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", held.dataset.name);
    held.classList.add("is-held");
  });
  dash.addEventListener("dragover", (event) => {
    const over = event.target.closest("[data-card]");
    if (!held) return;
    event.preventDefault();
    for (const card of cards()) card.classList.toggle("is-over", card === over && card !== held);
  });
  dash.addEventListener("drop", (event) => {
    const over = event.target.closest("[data-card]");
    if (!held || !over || over === held) return;
    event.preventDefault();
    const all = cards();
    if (all.indexOf(held) < all.indexOf(over)) over.after(held);
    else over.before(held);
    says.textContent = dash.dataset.moved.replace("{name}", held.dataset.name).replace("{place}", String(cards().indexOf(held) + 1));
    ends();
    keep();
  });
  dash.addEventListener("dragend", () => {
    for (const card of cards()) {
      card.classList.remove("is-held", "is-over");
      card.draggable = false;
    }
    held = null;
  });
}
