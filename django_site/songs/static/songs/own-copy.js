// The page of a result: the visitor chooses the file again, to listen to it. The song itself is not kept.
import {bring} from "./result.js";

const own = document.getElementById("own-copy");
const result = document.querySelector(".result");
own.addEventListener("change", () => {
  if (!own.files.length) return;
  const isOther = own.files[0].size !== Number(result.dataset.bytes);
  document.getElementById("other-file").hidden = !isOther;
  own.classList.toggle("is-invalid", isOther);
  if (!isOther) bring(result, own.files[0], own.form);
});
