// What Khronos' validator says of every glTF file that is named: `node gltf_validity.js VALIDATOR FILE...`, as JSON.
const { readFile } = require("node:fs/promises");
const [, , validator, ...files] = process.argv;
const { validateBytes } = require(validator);

async function validity(file) {
  const { issues } = await validateBytes(new Uint8Array(await readFile(file)), { uri: file, format: "glb" });
  return issues;
}

Promise.all(files.map(validity)).then((found) => console.log(JSON.stringify(found)));
