// All results on the page as a table, and as CSV.
import {element} from "./post.js";

const COLUMNS = ["file_name", "genre", "confidence", "duration_seconds", "model_name", "tags"];

/** Fill the table with the results, and let its button download them. */
export function tabulate(place, results) {
  place.hidden = results.length < 2;
  place.querySelector("tbody").replaceChildren(...results.map(({dataset}) => {
    const row = element("tr", {});
    const cells = [dataset.name, dataset.verdict, `${Math.round(100 * dataset.confidence)}%`, clock(dataset.seconds), dataset.model];
    row.append(...cells.map((text) => element("td", {textContent: text})));
    row.firstChild.className = "name";
    return row;
  }));
  place.querySelector(".csv").onclick = () => download(results);
}

function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function download(results) {
  const rows = results.map(({dataset}) =>
    [dataset.name, dataset.genre, dataset.confidence, dataset.seconds, dataset.model, dataset.tags]);
  const text = [COLUMNS, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
  const href = URL.createObjectURL(new Blob([text, "\r\n"], {type: "text/csv"}));
  element("a", {href, download: "genres.csv"}).click();
}

/** A spreadsheet would run as a formula what begins like one. */
function cell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
