// The steps of a funnel: add, remove, move. Without this script the same buttons ask the server.

const editor = document.querySelector("[data-steps]");
const list = editor.querySelector("[data-list]");
const said = editor.querySelector("[data-said]");
const add = editor.querySelector("[data-act=add]");
const most = Number(editor.dataset.most);
const steps = () => [...list.children];

const renumber = () => {
  const all = steps();
  all.forEach((step, i) => {
    step.querySelector("[data-number]").textContent = String(i + 1);
    for (const name of ["kind", "channel"]) {
      const select = step.querySelector(`[data-${name}]`);
      select.setAttribute("aria-label", select.getAttribute("aria-label").replace(/\d+/, String(i + 1)));
    }
    for (const button of step.querySelectorAll("[data-act]")) button.value = `${button.dataset.act}:${i}`;
    step.querySelector("[data-act=up]").disabled = i === 0;
    step.querySelector("[data-act=down]").disabled = i === all.length - 1;
    step.querySelector("[data-act=remove]").disabled = all.length === 1;
  });
  add.disabled = all.length >= most;
};

const focusOn = (step, act) => {
  const wanted = step.querySelector(`[data-act=${act}]`);
  (wanted && !wanted.disabled ? wanted : step.querySelector("[data-kind]")).focus();
};

const change = (act, step) => {
  const place = steps().indexOf(step);
  if (act === "add") {
    const fresh = list.lastElementChild.cloneNode(true);
    for (const select of fresh.querySelectorAll("select")) select.selectedIndex = 0;
    list.append(fresh);
    renumber();
    fresh.querySelector("[data-kind]").focus();
    said.textContent = said.dataset.added;
  } else if (act === "remove") {
    const next = step.nextElementSibling ?? step.previousElementSibling;
    step.remove();
    renumber();
    focusOn(next, "remove");
    said.textContent = said.dataset.removed;
  } else {
    const other = act === "up" ? step.previousElementSibling : step.nextElementSibling;
    if (act === "up") other.before(step);
    else other.after(step);
    renumber();
    focusOn(step, act);
    said.textContent = `${said.dataset.moved} ${place + (act === "up" ? 0 : 2)}`;
  }
  list.dispatchEvent(new Event("change", { bubbles: true }));
};

editor.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  event.preventDefault();
  change(button.dataset.act, button.closest("[data-step]"));
});
editor.addEventListener("keydown", (event) => {
  const step = event.target.closest("[data-step]");
  if (!step || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const act = event.key === "ArrowUp" ? "up" : "down";
  if (step.querySelector(`[data-act=${act}]`).disabled) return;
  event.preventDefault();
  change(act, step);
});
