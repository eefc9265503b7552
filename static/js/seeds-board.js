// The board of seed users: cards move by mouse and by keyboard. The forms on the cards do the moving; without this
// file they do it by themselves.
const says = document.getElementById("board-says");
const dialog = document.getElementById("drop-dialog");
const columnsOf = () => [...document.querySelectorAll("[data-column]")];
const columnOf = (stage) => document.querySelector(`[data-column="${stage}"]`);
const waysOf = (card) => card.dataset.ways.split(" ").filter(Boolean);
let held = null; // the card that is picked up
let aim = ""; // the stage it would go to
let moved = null; // what to tell, and where to put the focus, once the board is drawn anew

const say = (what, card, stage = "") => {
  const label = columnOf(stage)?.dataset.label ?? "";
  says.textContent = says.dataset[what].replace("{name}", card.dataset.name).replace("{stage}", label);
};

const show = () => {
  for (const column of columnsOf()) {
    const open = held && waysOf(held).includes(column.dataset.column);
    column.classList.toggle("is-target", Boolean(open));
    column.classList.toggle("is-closed", Boolean(held) && !open && column.dataset.column !== held.dataset.stage);
    column.classList.toggle("is-over", Boolean(held) && column.dataset.column === aim);
  }
  document.querySelectorAll("[data-card]").forEach((card) => {
    card.classList.toggle("is-held", card === held);
    card.querySelector("[data-grip]")?.setAttribute("aria-pressed", String(card === held));
  });
};
const hold = (card) => { held = card; aim = ""; show(); };
const release = () => { held = null; aim = ""; show(); };

const send = (card, stage, note = "") => {
  const form = card.querySelector(".seed-card-move");
  form.elements.note.value = note;
  moved = { id: card.id, stage };
  form.querySelector(`button[name="to"][value="${stage}"]`).click();
};
const put = (card, stage) => {
  release();
  if (stage !== "dropped") return send(card, stage);
  const note = dialog.querySelector("textarea");
  note.value = "";
  dialog.returnValue = "";
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "drop" && note.value.trim()) send(card, stage, note.value);
    else { say("left", card); card.querySelector("[data-grip]").focus(); }
  }, { once: true });
  dialog.showModal();
};

// Mouse
document.addEventListener("dragstart", (event) => {
  const card = event.target.closest?.("[data-card]");
  if (!card) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", card.dataset.name);
  hold(card);
});
document.addEventListener("dragover", (event) => {
  const column = event.target.closest?.("[data-column]");
  if (!held) return;
  aim = column && waysOf(held).includes(column.dataset.column) ? column.dataset.column : "";
  if (aim) event.preventDefault();
  show();
});
document.addEventListener("drop", (event) => {
  if (!held || !aim) return;
  event.preventDefault();
  put(held, aim);
});
document.addEventListener("dragend", () => { if (held) release(); });

// Keyboard
document.addEventListener("click", (event) => {
  const drop = event.target.closest("[data-drop]");
  if (drop) {
    event.preventDefault();
    put(drop.closest("[data-card]"), "dropped");
    return;
  }
  const grip = event.target.closest("[data-grip]");
  if (!grip) return;
  const card = grip.closest("[data-card]");
  if (held === card && aim) put(card, aim);
  else if (held === card) { release(); say("left", card); }
  else { hold(card); say("picked", card); }
});
document.addEventListener("keydown", (event) => {
  if (!event.target.closest?.("[data-grip]")) return;
  const card = event.target.closest("[data-card]");
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (held === card && event.key === "Escape") {
    release();
    say("left", card);
  } else if (held === card && step) {
    event.preventDefault();
    const open = columnsOf().map((column) => column.dataset.column).filter((stage) => waysOf(card).includes(stage));
    const at = open.indexOf(aim);
    aim = at < 0 ? open[step > 0 ? 0 : open.length - 1] : open[(at + step + open.length) % open.length];
    show();
    columnOf(aim).scrollIntoView({ block: "nearest", inline: "nearest" });
    say("over", card, aim);
  } else if (!held && step) {
    event.preventDefault();
    const sideways = event.key === "ArrowRight" || event.key === "ArrowLeft";
    const columns = columnsOf().filter((column) => column.querySelector("[data-grip]"));
    const column = card.closest("[data-column]");
    const grips = [...(sideways ? columns[columns.indexOf(column) + step] : column)?.querySelectorAll("[data-grip]") ?? []];
    const own = [...column.querySelectorAll("[data-card]")].indexOf(card);
    grips[sideways ? Math.min(own, grips.length - 1) : own + step]?.focus();
  }
});

// The server is asked by htmx. A board on which somebody else was quicker is drawn as it is now.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status !== 409 || event.detail.target.id !== "board") return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});
document.addEventListener("htmx:afterSettle", () => {
  ready();
  const card = moved && document.getElementById(moved.id);
  if (card) {
    (card.querySelector("[data-grip]") ?? card.querySelector("a")).focus();
    if (card.dataset.stage === moved.stage) say("moved", card, moved.stage);
  }
  moved = null;
});
// One open menu at a time.
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".seed-ways[open]")) return;
  document.querySelectorAll(".seed-ways[open]").forEach((menu) => { if (menu !== event.target) menu.open = false; });
}, true);

// Grips are of use to scripts only.
const ready = () => {
  document.querySelectorAll("[data-grip]").forEach((grip) => { grip.hidden = false; });
};
ready();
