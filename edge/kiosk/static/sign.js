// A signature drawn by finger, pen or mouse, as points in the form; the page works without it, by the typed name.
// It keeps nothing, and asks no server.
"use strict";
(() => {
  const box = document.getElementById("sign");
  if (!box) return;
  const canvas = document.getElementById("signature");
  const field = document.getElementById("drawn");
  const most = Number(box.dataset.points);
  const context = canvas.getContext("2d");
  const strokes = [];
  let drawing = null;

  // In thousandths of the width: the field is wider than high, and the drawing keeps its proportions.
  const at = (event) => {
    const to = (length) => Math.min(999, Math.max(0, Math.round((length / canvas.clientWidth) * 1000)));
    const frame = canvas.getBoundingClientRect();
    return [to(event.clientX - frame.left), to(event.clientY - frame.top)];
  };
  const count = () => strokes.reduce((sum, stroke) => sum + stroke.length, 0);
  const thinner = () => {
    for (const [n, stroke] of strokes.entries()) {
      strokes[n] = stroke.filter((_point, i) => i % 2 === 0 || i === stroke.length - 1);
    }
  };
  const paint = () => {
    const scale = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    context.lineWidth = 4 * scale;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = getComputedStyle(canvas).color;
    for (const stroke of strokes) {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo((x / 1000) * canvas.width, (y / 1000) * canvas.width);
      context.stroke();
    }
    box.classList.toggle("signed", strokes.length > 0);
    field.value = strokes.map((stroke) => stroke.map((point) => point.join(".")).join("-")).join("_");
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (strokes.length >= 40) return;
    canvas.setPointerCapture(event.pointerId);
    drawing = [at(event)];
    strokes.push(drawing);
    paint();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    const [x, y] = at(event);
    const [lastX, lastY] = drawing[drawing.length - 1];
    if (Math.hypot(x - lastX, y - lastY) < 5) return;
    drawing.push([x, y]);
    if (count() > most) {
      thinner();
      drawing = strokes[strokes.length - 1];
    }
    paint();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { drawing = null; });
  document.getElementById("sign-again").addEventListener("click", () => {
    strokes.length = 0;
    paint();
  });
  addEventListener("resize", paint);
  paint();
})();
