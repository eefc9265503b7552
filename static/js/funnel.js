// The steps of a funnel and what must not lie between them: add, remove, move by mouse, keys and buttons. Without this
// script the same buttons ask the server.

const editor = document.querySelector("[data-steps]");
const list = editor.querySelector("[data-list]");
const exclusions = editor.querySelector("[data-exclusions]");
const said = editor.querySelector("[data-said]");
const add = editor.querySelector("[data-act=add]");
const exclude = editor.querySelector("[data-act=exclude]");
const most = Number(editor.dataset.most);
const steps = () => [...list.children];
let dragged = null;
let moved = false;

// Selects of step numbers follow the number of steps; the last one stays the last.
const offer = (count) => {
  for (const select of document.querySelectorAll("[data-step-options]")) {
    const first = "butFirst" in select.dataset ? 2 : 1;
    const last = "butLast" in select.dataset ? count - 1 : count;
    const wanted = select.selectedIndex === select.options.length - 1 && first === 2 ? last : Math.min(Number(select.value), last);
    select.replaceChildren(...Array.from({ length: Math.max(0, last - first + 1) }, (_unused, i) => new Option(String(first + i), String(first + i))));
    select.value = String(Math.max(first, wanted));
  }
};

const renumber = () => {
  const all = steps();
  all.forEach((step, i) => {
    step.querySelector("[data-number]").textContent = String(i + 1);
    for (const select of step.querySelectorAll("[data-name]")) {
      select.setAttribute("aria-label", select.getAttribute("aria-label").replace(/\d+/, String(i + 1)));
    }
    for (const button of step.querySelectorAll("[data-act]")) button.value = `${button.dataset.act}:${i}`;
    step.querySelector("[data-act=up]").disabled = i === 0;
    step.querySelector("[data-act=down]").disabled = i === all.length - 1;
    step.querySelector("[data-act=remove]").disabled = all.length === 1;
  });
  [...exclusions.children].forEach((row, i) => { row.querySelector("[data-act=include]").value = `include:${i}`; });
  add.disabled = all.length >= most;
  exclude.disabled = all.length < 2 || exclusions.children.length >= most;
  offer(all.length);
};
const tell = () => list.dispatchEvent(new Event("change", { bubbles: true }));

const focusOn = (step, act) => {
  const wanted = step.querySelector(`[data-act=${act}]`);
  (wanted && !wanted.disabled ? wanted : step.querySelector("[data-kind]")).focus();
};

const changes = {
  add: () => {
    const fresh = list.lastElementChild.cloneNode(true);
    for (const select of fresh.querySelectorAll("select")) select.selectedIndex = 0;
    fresh.querySelector("details").open = false;
    list.append(fresh);
    renumber();
    fresh.querySelector("[data-kind]").focus();
    said.textContent = said.dataset.added;
  },
  remove: (step) => {
    const next = step.nextElementSibling ?? step.previousElementSibling;
    step.remove();
    renumber();
    focusOn(next, "remove");
    said.textContent = said.dataset.removed;
  },
  up: (step) => { step.previousElementSibling.before(step); placed(step, "up"); },
  down: (step) => { step.nextElementSibling.after(step); placed(step, "down"); },
  exclude: () => {
    exclusions.append(editor.querySelector("template[data-exclusion]").content.cloneNode(true));
    renumber();
    exclusions.lastElementChild.querySelector("[data-kind]").focus();
    said.textContent = said.dataset.excluded;
  },
  include: (row) => {
    row.remove();
    renumber();
    exclude.focus();
    said.textContent = said.dataset.included;
  },
};
const placed = (step, act) => {
  renumber();
  focusOn(step, act);
  said.textContent = `${said.dataset.moved} ${steps().indexOf(step) + 1}`;
};

editor.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  event.preventDefault();
  changes[button.dataset.act](button.closest("[data-step], [data-excluded]"));
  tell();
});
editor.addEventListener("keydown", (event) => {
  const step = event.target.closest("[data-step]");
  if (!step || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const act = event.key === "ArrowUp" ? "up" : "down";
  if (step.querySelector(`[data-act=${act}]`).disabled) return;
  event.preventDefault();
  changes[act](step);
  tell();
});

// Only the grip lets a step be dragged: text in the selects stays selectable.
list.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest("[data-grip]");
  if (grip) grip.closest("[data-step]").draggable = true;
});
list.addEventListener("pointerup", () => { for (const step of steps()) step.draggable = false; });
list.addEventListener("dragstart", (event) => {
  dragged = event.target.closest("[data-step]");
  moved = false;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", "");
  dragged.classList.add("is-dragged");
});
list.addEventListener("dragover", (event) => {
  const over = event.target.closest("[data-step]");
  if (!dragged) return;
  event.preventDefault();
  if (!over || over === dragged) return;
  const box = over.getBoundingClientRect();
  const before = event.clientY < box.top + box.height / 2;
  if ((before ? over.previousElementSibling : over.nextElementSibling) === dragged) return;
  if (before) over.before(dragged);
  else over.after(dragged);
  moved = true;
});
list.addEventListener("drop", (event) => event.preventDefault());
list.addEventListener("dragend", () => {
  const step = dragged;
  dragged = null;
  step.draggable = false;
  step.classList.remove("is-dragged");
  if (!moved) return;
  placed(step, "up");
  tell();
});
renumber();
