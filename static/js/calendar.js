// The calendar: entries move by mouse and by keyboard, a panel shows one of them. Everything also works without this
// file: entries are links, and the page of each has a form for its time.
const panel = document.getElementById("calendar-panel");
const says = document.getElementById("calendar-says");
const board = () => document.querySelector("[data-calendar]");
const entries = () => [...board().querySelectorAll(".cal-month [data-entry], .cal-hours [data-entry]")];
const MINUTE = 60_000;
let held = null; // the entry that is picked up
let aim = ""; // the local time it would get, "2026-03-02T09:00"

// Local times are kept as they are on the clock: a Date in UTC whose fields are those of the clock.
const clock = (text) => new Date(`${text}:00Z`);
const text = (date) => date.toISOString().slice(0, 16);
const words = (local) => new Intl.DateTimeFormat(document.documentElement.lang, {
  weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "UTC",
}).format(clock(local));
const name = (entry) => entry.querySelector(".cal-name").textContent;
const say = (what, entry) => {
  says.textContent = says.dataset[what].replace("{name}", name(entry)).replace("{time}", aim ? words(aim) : "");
};
const cellAt = (local) => {
  const cells = [...board().querySelectorAll(`.cal-cell[data-day="${local.slice(0, 10)}"]`)];
  const row = held?.closest("tr");
  return cells.find((cell) => Number(cell.dataset.hour) === Number(local.slice(11, 13)))
    ?? (board().dataset.by ? cells.find((cell) => cell.closest("tr") === row) : cells.find((cell) => !cell.dataset.hour));
};
const show = () => {
  for (const cell of document.querySelectorAll(".cal-cell.is-target")) cell.classList.remove("is-target");
  for (const entry of document.querySelectorAll(".cal-entry.is-held")) entry.classList.remove("is-held");
  held?.classList.add("is-held");
  if (held && aim) cellAt(aim)?.classList.add("is-target");
};
const hold = (entry) => { held = entry; aim = entry.dataset.at; show(); };
const release = () => { held = null; aim = ""; show(); };

// The panel: what another time would change, or the entry itself.
const put = (entry, local) => {
  release();
  if (local === entry.dataset.at) return;
  window.htmx.ajax("GET", `${entry.getAttribute("href")}move/?to=${local}`, { target: "#calendar-panel-body", swap: "innerHTML", source: entry });
};
let opener = null;
document.addEventListener("click", (event) => {
  const entry = event.target.closest("[data-entry]");
  if (!entry || !panel || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  opener = entry;
  window.htmx.ajax("GET", entry.getAttribute("href"), { target: "#calendar-panel-body", swap: "innerHTML", source: entry });
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "calendar-panel-body") return;
  if (!panel.open) panel.showModal();
  panel.querySelector("[autofocus]")?.focus();
});
panel?.addEventListener("close", () => {
  document.getElementById("calendar-panel-body").replaceChildren();
  (opener?.isConnected ? opener : null)?.focus();
});
panel?.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });

// Mouse. In hours the place within the cell chooses the minutes: quarters, with Alt five.
document.addEventListener("dragstart", (event) => {
  const entry = event.target.closest?.("[data-entry][draggable=true]");
  if (!entry) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", name(entry));
  opener = entry;
  hold(entry);
});
document.addEventListener("dragover", (event) => {
  if (!held) return;
  const cell = event.target.closest?.(".cal-cell");
  aim = "";
  if (cell) {
    event.preventDefault();
    let time = held.dataset.at.slice(11);
    if (cell.dataset.hour) {
      const box = cell.getBoundingClientRect();
      const step = event.altKey ? 5 : 15;
      const share = Math.min(.999, Math.max(0, (event.clientY - box.top) / box.height));
      const minutes = Math.floor(share * 60 / step) * step;
      time = `${cell.dataset.hour.padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
    }
    aim = `${cell.dataset.day}T${time}`;
  }
  show();
});
document.addEventListener("drop", (event) => {
  if (!held || !aim) return;
  event.preventDefault();
  put(held, aim);
});
document.addEventListener("dragend", () => { if (held) release(); });

// Keyboard
const reach = (entry) => {
  for (const other of entries()) other.tabIndex = other === entry ? 0 : -1;
};
const go = (entry) => { if (entry) { reach(entry); entry.focus(); } };
const beside = (entry, step) => {
  // The nearest entry of an earlier or later day, at about the same place of its list.
  const day = entry.closest(".cal-cell").dataset.day;
  const others = entries().filter((other) => {
    const its = other.closest(".cal-cell").dataset.day;
    return step > 0 ? its > day : its < day;
  });
  const days = others.map((other) => other.closest(".cal-cell").dataset.day).sort();
  const next = step > 0 ? days[0] : days.at(-1);
  const found = others.filter((other) => other.closest(".cal-cell").dataset.day === next);
  const own = entries().filter((other) => other.closest(".cal-cell").dataset.day === day).indexOf(entry);
  return found[Math.min(own, found.length - 1)];
};
const along = (entry, step) => {
  const day = entry.closest(".cal-cell").dataset.day;
  const own = entries().filter((other) => other.closest(".cal-cell").dataset.day === day);
  return own[own.indexOf(entry) + step] ?? beside(entry, step);
};
const STEPS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
document.addEventListener("keydown", (event) => {
  const entry = event.target.closest?.("[data-entry]");
  if (!entry || event.ctrlKey || event.metaKey) return;
  const step = STEPS[event.key];
  if (held) {
    if (event.key === "Escape") { say("left", held); release(); }
    else if (event.key === "Enter") { event.preventDefault(); opener = held; put(held, aim); }
    else if (step) {
      event.preventDefault();
      const down = board().dataset.view === "month" ? 7 * 1440 : board().dataset.by ? 0 : event.altKey ? 5 : 15;
      aim = text(new Date(clock(aim).getTime() + (step[0] * 1440 + step[1] * down) * MINUTE));
      show();
      cellAt(aim)?.scrollIntoView({ block: "nearest", inline: "nearest" });
      say("over", held);
    }
    return;
  }
  if (step) {
    event.preventDefault();
    go(step[0] ? beside(entry, step[0]) : along(entry, step[1]));
  } else if (event.key === "m") {
    event.preventDefault();
    if (entry.draggable) { hold(entry); say("picked", entry); }
    else say("fixed", entry);
  }
});
document.addEventListener("focusout", (event) => { if (held && event.target === held && event.relatedTarget) release(); });
document.addEventListener("focusin", (event) => {
  const entry = event.target.closest?.(".cal-month [data-entry], .cal-hours [data-entry]");
  if (entry) reach(entry);
});

// One entry is reached by Tab, the others by the arrow keys. What was just moved has the focus.
const ready = () => {
  if (!board()) return;
  const moved = /^#e\d+$/.test(window.location.hash) && document.getElementById(window.location.hash.slice(1));
  const first = moved || entries()[0];
  if (first) reach(first);
  if (moved) moved.focus();
};
document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target?.id === "calendar") ready(); });
ready();
