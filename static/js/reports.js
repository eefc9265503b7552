// The question above a report: only the fields that count are shown, ticked groups move up, the address stays short.

const form = document.querySelector("[data-report-form]");

// data-when="metric" data-is="total unique": shown while the select has one of these; data-not: while it has another.
const follow = () => {
  for (const part of form.querySelectorAll("[data-when]")) {
    const value = form.elements[part.dataset.when].value;
    part.hidden = part.dataset.is === undefined ? value === part.dataset.not : !part.dataset.is.split(" ").includes(value);
  }
};
follow();
form.addEventListener("change", follow);

// Typed dates replace the preset.
for (const date of form.querySelectorAll("[data-date]")) {
  date.addEventListener("change", () => {
    form.querySelector("[data-preset]")?.remove();
    for (const link of form.querySelectorAll(".report-presets .is-current")) {
      link.classList.remove("is-current");
      link.removeAttribute("aria-current");
    }
  });
}

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt !== form) return;
  const data = event.detail.formData;
  data.delete("act");
  if (form.querySelector("[data-preset]")) for (const name of ["from", "to"]) data.delete(name);
  for (const name of new Set(data.keys())) {
    if (data.getAll(name).every((value) => value === "")) data.delete(name);
  }
});

const pick = (picker) => {
  const chosen = picker.querySelector("[data-chosen]");
  const find = picker.querySelector("[data-find]");
  const picked = picker.querySelector("[data-picked]");
  // Looking for a group is no answer to the question yet.
  find.addEventListener("change", (event) => event.stopPropagation());
  find.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  picker.addEventListener("change", (event) => {
    const label = event.target.closest("label.pick");
    if (!label) return;
    if (event.target.checked) chosen.append(label);
    else if (label.parentElement === chosen) label.remove();
    const count = chosen.querySelectorAll("input:checked").length;
    picked.textContent = count ? String(count) : picked.dataset.all;
    find.focus();
  });
  picker.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !picker.open) return;
    picker.open = false;
    picker.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => { if (!picker.contains(event.target)) picker.open = false; });
};
// Not every report is asked of groups.
form.querySelectorAll("[data-group-picker]").forEach(pick);
