// Forms that are sent without leaving the page.

/** Send fields to the site with the token of a form; `progress` is called with the share that has left.
 *  Resolves to {status, body}; status 0 is a lost connection. Rejects with an AbortError if `signal` aborts. */
export async function post(form, address, fields, options = {}) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]");
  const answer = await send(address, fields, token.value, options);
  if (answer.status !== 403) return answer;
  // A log-in or log-out in another tab has made the token invalid.
  token.value = await (await fetch(form.dataset.token)).text();
  return send(address, fields, token.value, options);
}

function send(address, fields, token, {type = "text", progress, signal}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = type;
    request.setRequestHeader("X-CSRFToken", token);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    if (progress) request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => resolve({status: request.status, body: request.response});
    request.onerror = () => resolve({status: 0, body: "The site cannot be reached. Check your connection and try again."});
    request.onabort = () => reject(new DOMException("Cancelled", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(fields);
  });
}

/** Make an element with properties. */
export function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
