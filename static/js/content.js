// Writing a piece: variables go in where the caret is, a mistake is where the caret goes, only what counts is shown.

for (const form of document.querySelectorAll("[data-piece-form]")) {
  const title = form.querySelector("[name=title]");
  const text = form.querySelector("[name=text]");
  let last = text;
  for (const box of [title, text]) box.addEventListener("focus", () => { last = box; });

  form.querySelector("[data-variables]").addEventListener("click", (event) => {
    const button = event.target.closest("[data-variable]");
    if (!button) return;
    last.focus();
    last.setRangeText(button.dataset.variable, last.selectionStart, last.selectionEnd, "end");
    last.dispatchEvent(new Event("input", { bubbles: true }));
  });

  const marked = [title, text].find((box) => box.dataset.markFrom !== undefined);
  if (marked) {
    marked.focus();
    marked.setSelectionRange(Number(marked.dataset.markFrom), Number(marked.dataset.markTo));
  }

  const kind = form.querySelector("[name=kind]");
  const show = () => {
    for (const part of form.querySelectorAll("[data-for-kind]")) part.hidden = part.dataset.forKind !== kind.value;
  };
  kind.addEventListener("change", show);
  show();
}

// Listed pieces are dragged into their order; the buttons beside them do the same by keyboard.
let dragged = null;
const rowOf = (event) => event.target.closest?.("[data-reorder] [data-piece]");
document.addEventListener("dragstart", (event) => {
  dragged = rowOf(event);
  dragged?.classList.add("is-dragged");
});
document.addEventListener("dragover", (event) => {
  const row = rowOf(event);
  if (!dragged || !row || row.parentElement !== dragged.parentElement) return;
  event.preventDefault();
  for (const other of row.parentElement.children) other.classList.toggle("is-over", other === row && row !== dragged);
});
document.addEventListener("drop", (event) => {
  const row = rowOf(event);
  if (!dragged || !row || row.parentElement !== dragged.parentElement) return;
  event.preventDefault();
  const rows = [...row.parentElement.children];
  if (rows.indexOf(dragged) < rows.indexOf(row)) row.after(dragged);
  else row.before(dragged);
  const form = row.closest("[data-reorder]");
  const piece = [...row.parentElement.children].map((item) => item.dataset.piece);
  htmx.ajax("POST", form.action, {
    source: form, target: "#series-pieces", swap: "innerHTML", values: { piece },
  });
});
document.addEventListener("dragend", () => {
  for (const row of document.querySelectorAll(".is-dragged, .is-over")) row.classList.remove("is-dragged", "is-over");
  dragged = null;
});

// The header picture is drawn as it is being chosen.
for (const form of document.querySelectorAll("[data-series-form]")) {
  const picture = form.querySelector("[data-header]");
  if (!picture) continue;
  let waiting = 0;
  const draw = () => {
    const value = (name) => form.querySelector(`[name=${name}]`).value;
    picture.hidden = !value("header_style");
    if (picture.hidden) return;
    const asked = { name: value("name"), line: value("header_line"), color: value("header_color"), style: value("header_style") };
    picture.src = `${picture.dataset.header}?${new URLSearchParams(asked)}`;
  };
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(draw, 300); });
  draw();
}
