// Several songs at once: each with its progress, its result or what to do about it. Without this file, the form works too.
import {element, post} from "./post.js";
import {offerRecording} from "./record.js";
import {bring} from "./result.js";
import {recall, remember} from "./session.js";
import {tabulate} from "./table.js";

const form = document.getElementById("upload");
const input = document.getElementById("audio");
const section = document.getElementById("results-section");
const list = document.getElementById("results");
const overall = document.getElementById("overall");
const user = form.querySelector("[name=user]").value;
const choices = [...form.querySelectorAll("select[name=model] > option")];
const most = Number(form.dataset.maxBytes);
// As many as the service likes from one visitor; the others wait here.
const AT_ONCE = 2;
const waiting = [];
// The answer of each card, as it came.
const answers = new Map();
let running = 0;
let added = 0;

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    waiting.shift()().finally(() => { running -= 1; update(); next(); });
  }
}

/** Show how far all songs are, the table of their results, and remember them. */
function update() {
  const cards = [...list.children];
  const pending = cards.filter((card) => card.classList.contains("working")).length;
  const done = added - pending;
  const bar = overall.querySelector(".progress");
  section.hidden = overall.hidden = !cards.length;
  overall.querySelector(".count").textContent =
    pending ? `${done} of ${added} done` : `${cards.length} song${cards.length === 1 ? "" : "s"}`;
  overall.querySelector(".clear").hidden = pending > 0;
  bar.hidden = !pending || added < 2;
  bar.setAttribute("aria-valuenow", Math.round(100 * done / Math.max(1, added)));
  bar.firstElementChild.style.width = `${100 * done / Math.max(1, added)}%`;
  const answered = cards.filter((card) => answers.has(card));
  tabulate(document.getElementById("table"), answered.map((card) => card.querySelector(".result")));
  remember(user, answered.map((card) => answers.get(card)));
  if (!pending) added = 0;
}

/** Show an answer in the place of a card, with what the file itself allows. */
function show(card, html, file, isOpen) {
  const template = element("template", {innerHTML: html});
  const shown = template.content.querySelector("details");
  shown.open = isOpen;
  answers.set(shown, html);
  card.replaceWith(shown);
  if (!file) {
    // Without the file, nothing can be sent again.
    shown.querySelector(".keep")?.parentElement.remove();
    return shown;
  }
  const result = shown.querySelector(".result");
  document.getElementById("said").textContent = `${result.dataset.name}: ${result.dataset.verdict}`;
  bring(result, file, form);
  for (const choice of choices) {
    if (choice.value === result.dataset.model || choices.length < 2) continue;
    const again = element("button", {type: "button", className: "btn btn-outline-primary", textContent: `Compare with “${choice.text}”`});
    again.addEventListener("click", () => { again.remove(); add([file], choice.value); });
    result.querySelector(".own-copy").append(again);
  }
  return shown;
}

function pageId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Begin with a file, and return its card; `isOpen` shows its result whole, not as a row. */
function start(file, model, isOpen) {
  const card = document.getElementById("item").content.firstElementChild.cloneNode(true);
  const [bar, state, retry, cancel] = [".progress", ".state", ".retry", ".cancel"].map((name) => card.querySelector(name));
  // The same for every try: the site keeps an upload once.
  const upload = pageId();
  let stop = new AbortController();
  card.querySelector(".file").textContent = file.name;
  bar.setAttribute("aria-label", `Progress of ${file.name}`);

  const progress = (share) => {
    bar.hidden = false;
    bar.firstElementChild.style.width = `${100 * share}%`;
    bar.setAttribute("aria-valuenow", Math.round(100 * share));
    const isSent = share >= 1;
    bar.firstElementChild.classList.toggle("progress-bar-striped", isSent);
    bar.firstElementChild.classList.toggle("progress-bar-animated", isSent);
    state.textContent = isSent ? "Analysing…" : "Uploading…";
  };
  const fail = (sentence, canHelp) => {
    card.classList.remove("working");
    state.textContent = sentence;
    state.classList.add("text-danger");
    bar.hidden = true;
    cancel.textContent = "Remove";
    cancel.setAttribute("aria-label", `Remove ${file.name}`);
    retry.hidden = !canHelp;
  };
  const send = async () => {
    if (stop.signal.aborted) return;
    if (file.size > most) return fail(`The file is larger than ${most / 1e6} MB. Choose a shorter part of the song.`, false);
    if (!file.size) return fail("The file is empty. Choose another one.", false);
    const fields = new FormData();
    for (const [name, value] of [["audio", file], ["model", model], ["upload", upload], ["user", user]]) fields.append(name, value);
    progress(0);
    try {
      const {status, body} = await post(form, form.dataset.analyse, fields, {progress, signal: stop.signal});
      if (status !== 200) return fail(body || "The analysis failed. Try again in a minute.", !status || status === 408 || status >= 500);
      const shown = show(card, body, file, isOpen);
      if (isOpen) look(shown);
      // Whom the session left may log in again, and have the upload kept.
      shown.querySelector(".keep")?.addEventListener("click", () => { shown.replaceWith(card); queue(); update(); });
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };
  const queue = () => {
    card.classList.add("working");
    state.textContent = "Waiting…";
    state.classList.remove("text-danger");
    bar.hidden = true;
    retry.hidden = true;
    cancel.textContent = "Cancel";
    cancel.setAttribute("aria-label", `Cancel ${file.name}`);
    added += 1;
    waiting.push(send);
    next();
  };
  retry.addEventListener("click", () => { stop = new AbortController(); queue(); update(); });
  cancel.addEventListener("click", () => {
    stop.abort();
    card.remove();
    added = Math.max(0, added - 1);
    if (user) {
      const fields = new FormData();
      fields.append("upload", upload);
      post(form, form.dataset.cancel, fields);
    }
    update();
  });
  list.append(card);
  queue();
  return card;
}

function add(files, model = form.querySelector("[name=model]")?.value ?? "") {
  if (!files.length) return;
  const cards = files.map((file) => start(file, model, files.length === 1));
  document.getElementById("hero").classList.add("compact");
  update();
  look(cards[0]);
}

/** Bring something before the eyes. */
function look(part) {
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
  part.scrollIntoView({block: "start", behavior});
}

input.addEventListener("change", () => {
  add([...input.files]);
  input.value = "";
});
form.addEventListener("submit", (event) => event.preventDefault());
overall.querySelector(".clear").addEventListener("click", () => {
  list.replaceChildren();
  document.getElementById("hero").classList.remove("compact");
  update();
  input.focus();
});

// A file that is dropped beside the box is meant for it, too.
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
document.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.remove("dropping");
  add([...event.dataTransfer.files]);
});
window.addEventListener("beforeunload", (event) => { if (running || waiting.length) event.preventDefault(); });

document.getElementById("example").addEventListener("click", async (event) => {
  event.target.disabled = true;
  const answer = await fetch(form.dataset.example);
  event.target.disabled = false;
  if (answer.ok) add([new File([await answer.blob()], "Example song.mp3", {type: "audio/mpeg"})]);
});
offerRecording((file) => add([file]));

const recalled = recall(user);
for (const html of recalled) {
  const card = element("div", {});
  list.append(card);
  show(card, html, null, recalled.length === 1);
}
if (list.children.length) update();
