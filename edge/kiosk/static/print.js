// The blank form's one button: without scripts the browser's own menu prints as well.
const button = document.getElementById("print");
button.hidden = false;
button.addEventListener("click", () => print());
