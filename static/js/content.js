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
