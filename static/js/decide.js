// One key for each decision: data-key presses a button or follows a link, data-key-focus goes to a field.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]")) return;
  const key = CSS.escape(event.key);
  const act = document.querySelector(`[data-key="${key}"]:not([disabled])`);
  const field = document.querySelector(`[data-key-focus="${key}"]`);
  if (!act && !field) return;
  event.preventDefault();
  if (act) act.click();
  else document.querySelector(field.dataset.target).focus();
});
