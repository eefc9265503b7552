// Planning a post: only the fields that count are shown, ticked groups move up, a mistake is where the caret goes.

// Fields that belong to one choice: data-shown-for="weekly" beside the select that makes it.
const follow = (select, attribute) => {
  if (!select) return;
  const parts = select.form.querySelectorAll(`[${attribute}]`);
  const show = () => {
    for (const part of parts) part.hidden = !part.getAttribute(attribute).split(" ").includes(select.value);
  };
  select.addEventListener("change", show);
  show();
};
// The same for a row of radio buttons.
const followRadios = (form, name, attribute) => {
  const radios = form.querySelectorAll(`[type=radio][name=${name}]`);
  if (!radios.length) return;
  const show = () => {
    const chosen = form.querySelector(`[name=${name}]:checked`)?.value;
    for (const part of form.querySelectorAll(`[${attribute}]`)) part.hidden = part.getAttribute(attribute) !== chosen;
  };
  for (const radio of radios) radio.addEventListener("change", show);
  show();
};

for (const button of document.querySelectorAll("[data-slots]")) {
  button.addEventListener("click", () => {
    const [first, ...more] = button.dataset.slots.split(" ");
    const form = button.form;
    form.elements.clock.value = first;
    form.elements.more.value = more.join(", ");
    form.elements.more.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

for (const form of document.querySelectorAll("[data-post-form], [data-channel-form]")) {
  follow(form.querySelector("[name=repeat], [data-channel-kind]"), "data-shown-for");
  follow(form.querySelector("[name=missed]"), "data-shown-for-missed");
  followRadios(form, "source", "data-shown-for-source");
  followRadios(form, "recipients", "data-shown-for-recipients");
}

for (const picker of document.querySelectorAll("[data-group-picker]")) {
  const chosen = picker.querySelector("[data-chosen]");
  const find = picker.querySelector("[name=find]");
  picker.addEventListener("change", (event) => {
    const label = event.target.closest("label.pick");
    if (!label) return;
    if (event.target.checked) {
      chosen.append(label);
      find.focus();
    } else if (label.parentElement === chosen) {
      const next = label.nextElementSibling ?? label.previousElementSibling;
      label.remove();
      (next?.querySelector("input") ?? find).focus();
    }
  });
  picker.addEventListener("click", (event) => {
    if (!event.target.closest("[data-pick-all]")) return;
    for (const label of picker.querySelectorAll(".pick-found label.pick")) {
      label.querySelector("input").checked = true;
      chosen.append(label);
    }
    find.focus();
  });
  // Enter searches; it does not send the half-written post.
  find.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
}

// A variable that nobody fills in is where the caret goes.
const marked = document.querySelector("[data-mark-from]");
if (marked) {
  marked.focus();
  marked.setSelectionRange(Number(marked.dataset.markFrom), Number(marked.dataset.markTo));
}
