// What a result does with the visitor's own copy of the song: play it, go to its parts, and show why it has its genre.
import {element, post} from "./post.js";

// The plot in the picture, in its own pixels.
const PICTURE = {width: 1032, height: 384, left: 56, right: 1016};

// One song plays at a time.
document.addEventListener("play", (event) => {
  for (const audio of document.querySelectorAll("audio")) if (audio !== event.target) audio.pause();
}, true);

/** Give a result a player of the visitor's file, parts to go to, and a button for the picture. */
export function bring(result, file, form) {
  const seconds = Number(result.dataset.seconds);
  const place = result.querySelector(".own-copy");
  const why = result.querySelector(".why");
  const audio = element("audio", {controls: true, preload: "metadata", src: URL.createObjectURL(file)});
  audio.setAttribute("aria-label", `Your copy of ${file.name}`);
  const go = (to) => { audio.currentTime = to; audio.play().catch(() => {}); };
  const marks = [];
  audio.addEventListener("timeupdate", () => marks.forEach((mark) => mark(audio.currentTime / seconds)));

  const line = result.querySelector(".timeline");
  if (line) {
    marks.push((share) => line.querySelector(".now").setAttribute("x", 1000 * share));
    line.classList.add("seek");
    line.addEventListener("click", (event) => {
      const box = line.getBoundingClientRect();
      go(seconds * (event.clientX - box.left) / box.width);
    });
  }
  for (const cell of result.querySelectorAll("td[data-seconds]")) {
    const button = element("button", {type: "button", className: "link", textContent: cell.textContent});
    button.setAttribute("aria-label", `Play from ${cell.textContent}`);
    button.addEventListener("click", () => go(Number(cell.dataset.seconds)));
    cell.replaceChildren(button);
  }
  place.replaceChildren(audio);
  place.hidden = false;
  const picture = why.querySelector(".picture");
  if (picture) overlay(picture, seconds, go, marks);
  else place.append(...whyButton(result, file, form, (drawn) => overlay(drawn, seconds, go, marks)));
}

/** Lay a line over a picture that follows the player; a click goes there. */
function overlay(picture, seconds, go, marks) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${PICTURE.width} ${PICTURE.height}`);
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("seek");
  const now = document.createElementNS(svg.namespaceURI, "rect");
  now.classList.add("now");
  for (const [name, value] of [["x", -9], ["y", 52], ["width", 3], ["height", 292]]) now.setAttribute(name, value);
  svg.append(now);
  marks.push((share) => now.setAttribute("x", PICTURE.left + (PICTURE.right - PICTURE.left) * share));
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect();
    const x = PICTURE.width * (event.clientX - box.left) / box.width;
    go(seconds * Math.min(1, Math.max(0, (x - PICTURE.left) / (PICTURE.right - PICTURE.left))));
  });
  picture.append(svg);
}

function whyButton(result, file, form, drawn) {
  const ask = element("button", {type: "button", className: "btn btn-outline-primary", textContent: "Show why"});
  const state = element("span", {role: "status", className: "small"});
  ask.addEventListener("click", async () => {
    ask.disabled = true;
    state.textContent = "Drawing…";
    const fields = new FormData();
    fields.append("audio", file);
    fields.append("model", result.dataset.model);
    fields.append("analysis", result.dataset.analysis);
    const {status, body} = await post(form, form.dataset.draw, fields, {type: "blob"});
    if (status !== 200) {
      ask.disabled = false;
      state.textContent = status ? await body.text() : "The site cannot be reached. Check your connection and try again.";
      return;
    }
    const alt = "Spectrogram of the song; orange parts speak for the genre, blue ones against it.";
    const picture = element("div", {className: "picture"});
    picture.append(element("img", {src: URL.createObjectURL(body), alt, width: PICTURE.width, height: PICTURE.height}));
    result.querySelector(".why").replaceChildren(picture);
    drawn(picture);
    ask.remove();
    state.textContent = "";
  });
  return [ask, state];
}
