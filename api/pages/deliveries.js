const form = document.querySelector("#hand-in");
const said = document.querySelector("#said");

function question(file) {
  const asked = new URLSearchParams({ name: file.name });
  for (const name of ["title", "dataset", "crs", "class_code"]) {
    const value = form.elements[name].value.trim();
    if (value) asked.set(name, value);
  }
  if (form.elements.partial.checked) asked.set("partial", "true");
  return asked;
}

async function handIn(file) {
  const headers = { "Content-Type": "application/octet-stream" };
  const answer = await fetch(`/api/deliveries?${question(file)}`, { method: "POST", body: file, headers });
  if (answer.ok) return location.reload();
  const problem = await answer.json();
  throw new Error((form.dataset.language === "zh" && problem.message_zh) || problem.detail);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  said.className = "box";
  said.textContent = form.dataset.sending;
  handIn(form.elements.file.files[0]).catch((error) => {
    said.className = "box warn";
    said.textContent = error.message;
  });
});

// What is being read is looked at again, unless somebody is about to hand in more.
if (document.querySelector(".state.running, .state.waiting")) {
  setInterval(() => form.elements.file.files.length || location.reload(), 3000);
}
