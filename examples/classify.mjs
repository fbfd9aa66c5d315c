// Classify songs with the service: node examples/classify.mjs http://localhost:3000 song.mp3 ...
import {openAsBlob} from "node:fs";
import {basename} from "node:path";

const [service, ...songs] = process.argv.slice(2);
for (const path of songs) {
  const form = new FormData();
  form.append("audio", await openAsBlob(path), basename(path));
  form.append("top_k", "3");
  const response = await fetch(new URL("/classify", service), {method: "POST", body: form});
  const answer = await response.json();
  if (response.ok) console.log([path, answer.genre ?? "not sure", `${Math.round(100 * answer.confidence)}%`].join("\t"));
  else console.log([path, answer.error].join("\t"));
}
