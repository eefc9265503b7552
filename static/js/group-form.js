// The form for a new group shows one step at a time and says what is still missing. Without this it is one long page.
const form = document.querySelector("form[data-steps]");
const motivation = document.querySelector("select[name=motivation]");

const brings = () => {
  for (const preset of document.querySelectorAll("[data-preset]")) {
    const chosen = preset.dataset.preset === motivation.value;
    preset.hidden = !chosen;
    preset.open = chosen;
  }
};
if (motivation) {
  motivation.addEventListener("change", brings);
  brings();
}

if (form) {
  const sections = [...form.querySelectorAll("[data-section]")];
  const links = [...form.querySelectorAll("[data-step]")];
  const answers = [...form.querySelectorAll("[data-answer]")];
  const missing = form.querySelector("[data-missing]");
  const value = (name) => form.elements[name]?.value.trim() ?? "";
  const words = (name) => form.elements[name].selectedOptions?.[0].textContent ?? value(name);

  const look = () => {
    for (const row of answers) {
      const place = row.querySelector("dd");
      if (value(row.dataset.answer)) {
        const span = document.createElement("span");
        span.translate = false;
        span.textContent = words(row.dataset.answer);
        place.replaceChildren(span);
      } else {
        place.replaceChildren(missing.content.cloneNode(true));
      }
    }
    for (const section of sections) {
      const needed = [...answers.map((row) => row.dataset.answer), "name"].filter((name) => section.querySelector(`[name="${name}"]`));
      links.find((link) => link.dataset.step === section.dataset.section).classList.toggle("is-filled", section.dataset.section !== "look-back" && needed.length > 0 && needed.every(value));
    }
  };

  const show = (key, focus) => {
    for (const section of sections) section.hidden = section.dataset.section !== key;
    for (const link of links) {
      if (link.dataset.step === key) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    }
    const at = sections.findIndex((section) => section.dataset.section === key);
    back.hidden = at === 0;
    next.hidden = at === sections.length - 1;
    open.hidden = at !== sections.length - 1;
    if (focus) {
      const section = sections[at];
      (section.querySelector("input, select, textarea") ?? section).focus({ preventScroll: true });
      form.scrollIntoView({ block: "start" });
    }
  };
  const current = () => sections.findIndex((section) => !section.hidden);
  const step = (by) => show(sections[current() + by].dataset.section, true);

  const button = (text, css, by) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = css;
    made.textContent = text;
    made.addEventListener("click", () => step(by));
    return made;
  };
  const buttons = form.querySelector(".form-buttons");
  const open = buttons.querySelector("[name=open]");
  const back = button(form.dataset.back, "btn", -1);
  const next = button(form.dataset.next, "btn btn-primary", 1);
  buttons.prepend(back, next);
  // Enter goes on to the next step instead of pressing a button that is not to be seen.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("input, select") || next.hidden) return;
    event.preventDefault();
    step(1);
  });
  for (const link of links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(link.dataset.step, true);
    });
  }
  form.addEventListener("input", look);
  form.addEventListener("change", look);
  look();
  const wrong = sections.find((section) => section.querySelector(".is-invalid"));
  show((wrong ?? sections[0]).dataset.section, Boolean(wrong));
}
