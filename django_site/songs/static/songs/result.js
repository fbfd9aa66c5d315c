// What a result does with the visitor's own copy of the song: play it, go to its parts, and show why it has its genre.

document.documentElement.classList.add("script");

/** Send a form to the site; `progress` is called with the share that has left. Resolves to {status, body}. */
export function post(address, form, token, {type = "text", progress, signal} = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = type;
    request.setRequestHeader("X-CSRFToken", token);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    if (progress) request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => resolve({status: request.status, body: request.response});
    request.onerror = () => reject(new Error("The site cannot be reached. Check your connection and try again."));
    request.onabort = () => reject(new DOMException("Cancelled", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

/** Give a result a player of the visitor's file, parts to go to, and a button for the picture. */
export function bring(result, file, token) {
  const seconds = Number(result.dataset.seconds);
  const place = result.querySelector(".own-copy");
  const audio = element("audio", {controls: true, preload: "metadata", src: URL.createObjectURL(file)});
  audio.setAttribute("aria-label", `Your copy of ${file.name}`);
  const line = result.querySelector(".timeline");
  const go = (to) => { audio.currentTime = to; audio.play().catch(() => {}); };
  audio.addEventListener("timeupdate", () => line.querySelector(".now").setAttribute("x", 1000 * audio.currentTime / seconds));
  line.classList.add("seek");
  line.addEventListener("click", (event) => {
    const box = line.getBoundingClientRect();
    go(seconds * (event.clientX - box.left) / box.width);
  });
  for (const cell of result.querySelectorAll("td[data-seconds]")) {
    const button = element("button", {type: "button", className: "link", textContent: cell.textContent});
    button.setAttribute("aria-label", `Play from ${cell.textContent}`);
    button.addEventListener("click", () => go(Number(cell.dataset.seconds)));
    cell.replaceChildren(button);
  }
  place.replaceChildren(audio);
  place.hidden = false;
  const why = result.querySelector(".why");
  if (why.querySelector("img")) return;
  const ask = element("button", {type: "button", textContent: "Show why"});
  const state = element("span", {role: "status"});
  place.append(ask, state);
  ask.addEventListener("click", async () => {
    ask.disabled = true;
    state.textContent = "Drawing…";
    const form = new FormData();
    form.append("audio", file);
    form.append("model", result.dataset.model);
    form.append("analysis", result.dataset.analysis);
    try {
      const {status, body} = await post(result.dataset.draw, form, token, {type: "blob"});
      if (status !== 200) throw new Error(await body.text());
      const alt = "Spectrogram of the song; orange parts speak for the genre, blue ones against it.";
      why.replaceChildren(element("img", {src: URL.createObjectURL(body), alt, width: 1032, height: 384}));
      ask.remove();
      state.textContent = "";
    } catch (error) {
      ask.disabled = false;
      state.textContent = error.message;
    }
  });
}

const own = document.getElementById("own-copy");
own?.addEventListener("change", () => {
  const token = own.form.querySelector("[name=csrfmiddlewaretoken]").value;
  if (own.files.length) bring(document.querySelector(".result"), own.files[0], token);
});
