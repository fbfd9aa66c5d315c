// Several songs at once: each with its progress, its result or what to do about it. Without this file, the form works too.
import {bring, post} from "./result.js";

const form = document.getElementById("upload");
const input = document.getElementById("audio");
const drop = form.querySelector(".drop");
const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
const most = Number(form.dataset.maxBytes);
// As many as the service likes from one visitor; the others wait here.
const AT_ONCE = 2;
const waiting = [];
let running = 0;

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    waiting.shift()().finally(() => { running -= 1; next(); });
  }
}

function add(file) {
  const card = document.getElementById("item").content.firstElementChild.cloneNode(true);
  const [bar, state, retry, cancel] = ["progress", ".state", ".retry", ".cancel"].map((name) => card.querySelector(name));
  let stop = new AbortController();
  card.querySelector(".file").textContent = file.name;
  bar.setAttribute("aria-label", `Progress of ${file.name}`);
  cancel.setAttribute("aria-label", `Cancel ${file.name}`);

  const fail = (sentence) => {
    state.textContent = sentence;
    state.classList.add("error");
    bar.hidden = true;
    cancel.textContent = "Remove";
    retry.hidden = false;
  };
  const send = async () => {
    if (stop.signal.aborted) return;
    if (file.size > most) return fail(`The file is too large: up to ${most / 1e6} MB are taken. Send a part of the song.`);
    if (!file.size) return fail("The file is empty. Choose another one.");
    const fields = new FormData();
    fields.append("audio", file);
    fields.append("model", form.querySelector("[name=model]")?.value ?? "");
    state.textContent = "Uploading…";
    const progress = (share) => {
      if (share < 1) { bar.value = share; return; }
      bar.removeAttribute("value");
      state.textContent = "Analysing…";
    };
    try {
      const {status, body} = await post(form.dataset.analyse, fields, token, {progress, signal: stop.signal});
      if (status !== 200) return fail(body || "The analysis failed. Try again in a minute.");
      card.querySelector(".answer").innerHTML = body;
      card.querySelector(".working").remove();
      bring(card.querySelector(".result"), file, token);
    } catch (error) {
      if (error.name !== "AbortError") fail(error.message);
    }
  };
  const queue = () => {
    state.textContent = "Waiting…";
    state.classList.remove("error");
    bar.hidden = false;
    bar.value = 0;
    retry.hidden = true;
    cancel.textContent = "Cancel";
    waiting.push(send);
    next();
  };
  retry.addEventListener("click", () => { stop = new AbortController(); queue(); });
  cancel.addEventListener("click", () => { stop.abort(); card.remove(); });
  document.getElementById("results").prepend(card);
  queue();
}

input.addEventListener("change", () => {
  for (const file of input.files) add(file);
  input.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());
for (const [kind, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
  drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.toggle("over", over); });
}
drop.addEventListener("drop", (event) => { for (const file of event.dataTransfer.files) add(file); });
