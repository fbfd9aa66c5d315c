// Record a few seconds from the microphone.
const SECONDS = 15;
const SUFFIXES = {"audio/webm": "webm", "audio/mp4": "m4a", "audio/ogg": "ogg"};

/** Offer the recording where the browser can do it; `done` gets the file. */
export function offerRecording(done) {
  const button = document.getElementById("record");
  const panel = document.getElementById("recording");
  const problem = document.getElementById("recording-problem");
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) {
    button.hidden = true;
    return;
  }
  button.addEventListener("click", async () => {
    problem.hidden = true;
    button.disabled = true;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false},
      });
      panel.hidden = false;
      done(await record(stream, panel));
    } catch {
      problem.textContent = "The microphone cannot be used. Allow it for this page in your browser, or choose a file.";
      problem.hidden = false;
    } finally {
      panel.hidden = true;
      button.disabled = false;
    }
  });
}

function record(stream, panel) {
  return new Promise((resolve, reject) => {
    const recorder = new MediaRecorder(stream);
    const parts = [];
    const level = panel.querySelector(".level");
    level.value = 0;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    // All that is heard from one look to the next.
    analyser.fftSize = 8192;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const began = performance.now();
    const watch = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      // It falls slowly, so that short sounds are seen.
      level.value = Math.min(1, Math.max(0.8 * level.value, 2 * samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0)));
      const left = Math.ceil(SECONDS - (performance.now() - began) / 1000);
      panel.querySelector(".left").textContent = `${Math.max(0, left)} seconds left.`;
      if (left <= 0 && recorder.state === "recording") recorder.stop();
    }, 100);
    panel.querySelector(".stop").onclick = () => recorder.stop();
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onerror = (event) => reject(event.error);
    recorder.onstop = () => {
      clearInterval(watch);
      context.close();
      for (const track of stream.getTracks()) track.stop();
      const type = recorder.mimeType.split(";")[0];
      const clock = new Date().toTimeString().slice(0, 5).replace(":", ".");
      resolve(new File(parts, `Recording ${clock}.${SUFFIXES[type] ?? "webm"}`, {type}));
    };
    recorder.start();
  });
}
