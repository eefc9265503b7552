// A file may be dropped anywhere on the upload card.
const card = document.querySelector(".upload");
const input = card.querySelector("input[type=file]");

const isFile = (event) => [...event.dataTransfer.types].includes("Files");
card.addEventListener("dragover", (event) => {
  if (!isFile(event)) return;
  event.preventDefault();
  card.classList.add("is-over");
});
card.addEventListener("dragleave", (event) => {
  if (!card.contains(event.relatedTarget)) card.classList.remove("is-over");
});
card.addEventListener("drop", (event) => {
  if (!isFile(event)) return;
  event.preventDefault();
  card.classList.remove("is-over");
  input.files = event.dataTransfer.files;
  input.focus();
});
